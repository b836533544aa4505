package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/database"
	"whittle.dev/whittle/internal/fleet"
)

// ReportOptions say what a report is about.
type ReportOptions struct {
	// Scan is one scan; 0 is the last one of each that was asked for.
	Scan int64
	// Team is a label of images.
	Team string
	// Rows bounds each long list; 0 is all.
	Rows int
}

// report makes a report on some scans.
type report struct {
	s *Store
	// at is the one connection that has the tables of prepare.
	at    *sql.Conn
	o     ReportOptions
	scans []int64
	out   *fleet.Report
}

// maxGrowth is how many scans the growth over time has, of each that was asked for.
const maxGrowth = 30

// Report is a report on all images of the last scans. The sums are the database's; of the
// prefixes of layers that images share, it takes memory for each distinct one.
func (s *Store) Report(ctx context.Context, o ReportOptions) (*fleet.Report, error) {
	r := &report{s: s, o: o, out: &fleet.Report{Schema: fleet.ReportSchema, Database: s.db.Name, Team: o.Team, Scans: []fleet.Scan{}, Packages: []fleet.Package{}, Sharing: []fleet.Sharing{}, Alone: []fleet.Layer{},
		Bases: []fleet.Rebase{}, Wasted: []fleet.Waste{}, Teams: []fleet.Team{}, Findings: []fleet.Finding{}, Growth: []fleet.Growth{}, Failed: []fleet.Failure{}}}
	if err := r.begin(ctx, r.prepare); err != nil {
		return nil, s.failed(err)
	}
	defer r.end(ctx)
	for _, part := range []func(context.Context) error{r.totals, r.packages, r.layers, r.bases, r.wasted, r.teams, r.findings, r.growth, r.failures} {
		if err := part(ctx); err != nil {
			return nil, s.failed(err)
		}
	}
	return r.out, nil
}

// about finds the scans that the report is about.
func (r *report) about(ctx context.Context) error {
	scans, err := r.s.scans(ctx, r.o.Scan)
	if err != nil {
		return err
	}
	if len(scans) == 0 && r.o.Scan != 0 {
		return whittle.WithHint(whittle.ErrNotFound.Errorf("it has no scan %d", r.o.Scan), "whittle fleet status lists those that it has")
	}
	if len(scans) == 0 {
		return whittle.WithHint(whittle.ErrNotFound.Errorf("nothing was scanned"), "whittle fleet scan IMAGE... scans images")
	}
	r.out.Scans = scans
	for _, s := range scans {
		r.scans = append(r.scans, s.ID)
	}
	return nil
}

// scans are the last scans of each that was asked for, or one.
func (s *Store) scans(ctx context.Context, one int64) (out []fleet.Scan, err error) {
	err = s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var x fleet.Scan
		err := scan(&x.ID, &x.Time, &x.What)
		out = append(out, x)
		return err
	}, `SELECT id, at, what FROM fleet_scans WHERE CASE WHEN ?1 = 0 THEN id IN (SELECT max(id) FROM fleet_scans GROUP BY what) ELSE id = ?1 END ORDER BY id`, one)
	for i := range out {
		if err != nil {
			return nil, err
		}
		var p Progress
		p, err = s.counts(ctx, out[i].ID)
		out[i].Names, out[i].Open, out[i].Failed = p.Names, p.Open, p.Failed
	}
	return out, err
}

// in is the condition that a column is one of the report's scans.
func (r *report) in(column string) string {
	return column + " IN (" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(r.scans)), ", "), "[]") + ")"
}

// begin finds what the report is about, and makes the tables that it needs.
func (r *report) begin(ctx context.Context, prepare func(context.Context) error) (err error) {
	if err := r.about(ctx); err != nil {
		return err
	}
	if r.at, err = r.s.db.SQL.Conn(ctx); err != nil {
		return err
	}
	if err := prepare(ctx); err != nil {
		r.end(ctx)
		return err
	}
	return nil
}

// end gives the connection back, without the tables.
func (r *report) end(ctx context.Context) {
	_ = r.drop(context.WithoutCancel(ctx)) // if it fails, the connection is broken, and goes
	r.at.Close()
}

// current makes a table that this connection alone has: fleet_cur are the distinct images with
// figures.
func (r *report) current(ctx context.Context) error {
	if err := r.drop(ctx); err != nil {
		return err
	}
	return r.statements(ctx,
		`CREATE TEMP TABLE fleet_cur (image BIGINT PRIMARY KEY)`,
		`INSERT INTO fleet_cur SELECT DISTINCT i.id FROM fleet_names n JOIN fleet_images i ON i.id = n.image WHERE `+r.in("n.scan")+` AND i.state = '`+done+`'`,
		`ANALYZE fleet_cur`)
}

// prepare makes another one besides: fleet_uses says how often each part is in the images, and
// whether its layer is in them in several parts.
func (r *report) prepare(ctx context.Context) error {
	if err := r.current(ctx); err != nil {
		return err
	}
	return r.statements(ctx,
		`CREATE TEMP TABLE fleet_uses (part BIGINT PRIMARY KEY, blob BIGINT NOT NULL, n BIGINT NOT NULL, layer BIGINT NOT NULL, several BOOLEAN NOT NULL)`,
		`INSERT INTO fleet_uses SELECT l.part, min(l.blob), count(*), p.layer, FALSE FROM fleet_image_layers l JOIN fleet_cur c ON c.image = l.image JOIN fleet_parts p ON p.id = l.part GROUP BY l.part, p.layer`,
		`UPDATE fleet_uses SET several = TRUE WHERE layer IN (SELECT layer FROM fleet_uses GROUP BY layer HAVING count(*) > 1)`,
		`ANALYZE fleet_uses`)
}

func (r *report) statements(ctx context.Context, all ...string) error {
	for _, statement := range all {
		if err := r.s.db.Exec(ctx, r.at, statement); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) drop(ctx context.Context) error {
	return r.statements(ctx, `DROP TABLE IF EXISTS fleet_cur`, `DROP TABLE IF EXISTS fleet_uses`, `DROP TABLE IF EXISTS fleet_versions`, `DROP TABLE IF EXISTS fleet_packages`)
}

func (r *report) limit() string {
	if r.o.Rows <= 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", r.o.Rows)
}

func (r *report) one(ctx context.Context, query string, to ...any) error {
	return r.at.QueryRowContext(ctx, r.s.db.Query(query)).Scan(to...)
}

func (r *report) totals(ctx context.Context) error {
	t := &r.out.Totals
	if err := r.one(ctx, `SELECT count(*) FROM fleet_names n JOIN fleet_images i ON i.id = n.image WHERE `+r.in("n.scan")+` AND i.state = '`+done+`'`, &t.Names); err != nil {
		return err
	}
	err := r.one(ctx, `SELECT count(*), COALESCE(sum(i.size), 0), COALESCE(sum(i.wasted), 0), COALESCE(sum(i.download), 0) FROM fleet_cur cur JOIN fleet_images i ON i.id = cur.image`,
		&t.Images, &t.Each.Size, &t.Each.Wasted, &t.Each.Download)
	if err != nil {
		return err
	}
	return r.one(ctx, `WITH distinct_layers AS (SELECT p.layer, max(p.size) AS size, max(p.wasted) AS wasted, min(b.size) AS download
		FROM fleet_uses u JOIN fleet_parts p ON p.id = u.part JOIN fleet_blobs b ON b.id = u.blob GROUP BY p.layer)
		SELECT count(*), COALESCE(sum(size), 0), COALESCE(sum(wasted), 0), COALESCE(sum(download), 0) FROM distinct_layers`, &t.Layers, &t.Once.Size, &t.Once.Wasted, &t.Once.Download)
}

// packaged says that an owner is a package: no instruction, and not the application's files.
const packaged = `o.ecosystem NOT IN ('instruction', 'app')`

func (r *report) packages(ctx context.Context) error {
	if err := r.sumPackages(ctx); err != nil {
		return err
	}
	if err := r.one(ctx, `SELECT count(*) FROM fleet_packages`, &r.out.MorePackages); err != nil {
		return err
	}
	// The versions of the first names come with them: one query for all.
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var p fleet.Package
		var v fleet.Version
		if err := scan(&p.Ecosystem, &p.Name, &p.Once, &p.Each, &v.Version, &v.Once, &v.Each); err != nil {
			return err
		}
		if n := len(r.out.Packages); n == 0 || r.out.Packages[n-1].Name != p.Name || r.out.Packages[n-1].Ecosystem != p.Ecosystem {
			r.out.Packages = append(r.out.Packages, p)
		}
		last := &r.out.Packages[len(r.out.Packages)-1]
		last.Versions = append(last.Versions, v)
		return nil
	}, `WITH first AS (SELECT * FROM fleet_packages ORDER BY once DESC, name, ecosystem`+r.limit()+`)
		SELECT f.ecosystem, f.name, f.once, f.each, o.version, v.once, v.each FROM first f JOIN fleet_owners o ON o.name = f.name AND o.ecosystem = f.ecosystem JOIN fleet_versions v ON v.owner = o.id
		ORDER BY f.once DESC, f.name, f.ecosystem, v.once DESC, o.version`)
	if err != nil {
		return err
	}
	r.out.MorePackages -= int64(len(r.out.Packages))
	for i := range r.out.Packages {
		if err := r.images(ctx, &r.out.Packages[i]); err != nil {
			return err
		}
	}
	return nil
}

// sumPackages makes two further tables like those of prepare: fleet_versions has what each
// version of a package takes, fleet_packages each package.
//
// A layer whose files belong to one version in some images and to another one in others has
// its bytes once for the name, and once for each version. Few layers are in images in several
// parts: only these are grouped by layer. Names are joined to sums, since texts make groups of
// millions of rows slow.
func (r *report) sumPackages(ctx context.Context) error {
	// SQLite takes tables with CROSS JOIN in this order: it knows nothing of their sizes.
	return r.statements(ctx,
		`CREATE TEMP TABLE fleet_versions (owner BIGINT PRIMARY KEY, alone BIGINT NOT NULL, once BIGINT NOT NULL, each BIGINT NOT NULL)`,
		`INSERT INTO fleet_versions
		WITH alone AS (SELECT po.owner, sum(po.visible) AS once, sum(po.visible * u.n) AS each FROM fleet_uses u CROSS JOIN fleet_part_owners po WHERE po.part = u.part AND NOT u.several GROUP BY po.owner),
		by_layer AS (SELECT po.owner, max(po.visible) AS once, sum(po.visible * u.n) AS each FROM fleet_uses u CROSS JOIN fleet_part_owners po WHERE po.part = u.part AND u.several GROUP BY po.owner, u.layer),
		sums AS (SELECT owner, once AS alone, once, each FROM alone UNION ALL SELECT owner, 0, once, each FROM by_layer)
		SELECT s.owner, sum(s.alone), sum(s.once), sum(s.each) FROM sums s JOIN fleet_owners o ON o.id = s.owner WHERE `+packaged+` GROUP BY s.owner`,
		`CREATE TEMP TABLE fleet_packages (ecosystem TEXT NOT NULL, name TEXT NOT NULL, once BIGINT NOT NULL, each BIGINT NOT NULL)`,
		`INSERT INTO fleet_packages
		WITH by_part AS (SELECT o.ecosystem, o.name, u.layer, sum(po.visible) AS visible FROM fleet_uses u CROSS JOIN fleet_part_owners po CROSS JOIN fleet_owners o
		WHERE po.part = u.part AND o.id = po.owner AND u.several AND `+packaged+` GROUP BY o.ecosystem, o.name, u.layer, u.part),
		by_layer AS (SELECT ecosystem, name, max(visible) AS once FROM by_part GROUP BY ecosystem, name, layer),
		sums AS (SELECT ecosystem, name, once, 0 AS each FROM by_layer UNION ALL SELECT o.ecosystem, o.name, v.alone, v.each FROM fleet_versions v JOIN fleet_owners o ON o.id = v.owner)
		SELECT ecosystem, name, sum(once), sum(each) FROM sums GROUP BY ecosystem, name`)
}

// images counts the images that have a package, and each of its versions.
func (r *report) images(ctx context.Context, p *fleet.Package) error {
	from := `SELECT %s FROM fleet_owners o JOIN fleet_part_owners po ON po.owner = o.id JOIN fleet_image_layers l ON l.part = po.part JOIN fleet_cur cur ON cur.image = l.image
		WHERE o.name = ?1 AND o.ecosystem = ?2 %s`
	counts := map[string]int64{}
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var version string
		var n int64
		err := scan(&version, &n)
		counts[version] = n
		return err
	}, fmt.Sprintf(from, "o.version, count(DISTINCT l.image)", "GROUP BY o.version"), p.Name, p.Ecosystem)
	if err != nil {
		return err
	}
	for i := range p.Versions {
		p.Versions[i].Images = counts[p.Versions[i].Version]
	}
	if len(p.Versions) == 1 {
		p.Images = p.Versions[0].Images
		return nil
	}
	return r.at.QueryRowContext(ctx, r.s.db.Query(fmt.Sprintf(from, "count(DISTINCT l.image)", "")), p.Name, p.Ecosystem).Scan(&p.Images)
}

// shares are the bounds of [fleet.Sharing].
var shares = [][2]int64{{1, 1}, {2, 9}, {10, 99}, {100, 999}, {1000, 0}}

func (r *report) layers(ctx context.Context) error {
	layers := `WITH by_layer AS (SELECT p.layer, max(p.size) AS size, min(b.size) AS download, sum(u.n) AS n, min(u.part) AS part
		FROM fleet_uses u JOIN fleet_parts p ON p.id = u.part JOIN fleet_blobs b ON b.id = u.blob GROUP BY p.layer) `
	for _, bounds := range shares {
		x := fleet.Sharing{From: bounds[0], To: bounds[1]}
		condition := fmt.Sprintf("n >= %d", x.From)
		if x.To > 0 {
			condition += fmt.Sprintf(" AND n <= %d", x.To)
		}
		if err := r.one(ctx, layers+`SELECT count(*), COALESCE(sum(size), 0), COALESCE(sum(size * n), 0) FROM by_layer WHERE `+condition, &x.Layers, &x.Once, &x.Each); err != nil {
			return err
		}
		r.out.Sharing = append(r.out.Sharing, x)
	}
	return r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var l fleet.Layer
		err := scan(&l.DiffID, &l.Size, &l.Download, &l.Images, &l.Example)
		r.out.Alone = append(r.out.Alone, l)
		return err
	}, layers+`SELECT x.diff_id, b.size, b.download, b.n, (SELECT min(i.place) FROM fleet_image_layers l JOIN fleet_cur cur ON cur.image = l.image JOIN fleet_images i ON i.id = l.image WHERE l.part = b.part)
		FROM by_layer b JOIN fleet_layers x ON x.id = b.layer WHERE b.n = 1 AND b.size > 0 ORDER BY b.size DESC, x.diff_id`+r.limit())
}

func (r *report) wasted(ctx context.Context) error {
	return r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var w fleet.Waste
		err := scan(&w.Cause, &w.Once, &w.Each, &w.Files)
		r.out.Wasted = append(r.out.Wasted, w)
		return err
	}, `WITH by_layer AS (SELECT w.cause, p.layer, max(w.bytes) AS once, sum(w.bytes * u.n) AS each, max(w.files) AS files
		FROM fleet_uses u JOIN fleet_parts p ON p.id = u.part JOIN fleet_part_wastes w ON w.part = p.id GROUP BY w.cause, p.layer)
		SELECT cause, sum(once), sum(each), sum(files) FROM by_layer GROUP BY cause ORDER BY sum(once) DESC, cause`)
}

func (r *report) teams(ctx context.Context) error {
	if r.o.Team == "" {
		return nil
	}
	label, key := `COALESCE(CAST(i.labels AS json) ->> CAST(?1 AS TEXT), '')`, r.o.Team
	if r.s.db.File != "" {
		if strings.ContainsAny(key, `"\`) {
			return whittle.ErrUsage.Errorf("the label %q has a quotation mark or a backslash", key)
		}
		label, key = `COALESCE(json_extract(i.labels, ?1), '')`, `$."`+key+`"`
	}
	teams := `WITH team AS (SELECT cur.image, ` + label + ` AS name FROM fleet_cur cur JOIN fleet_images i ON i.id = cur.image) `
	at := map[string]int{}
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		t := fleet.Team{Causes: []fleet.TeamWaste{}}
		err := scan(&t.Name, &t.Images, &t.Size, &t.Wasted)
		at[t.Name] = len(r.out.Teams)
		r.out.Teams = append(r.out.Teams, t)
		return err
	}, teams+`SELECT team.name, count(*), sum(i.size), sum(i.wasted) FROM team JOIN fleet_images i ON i.id = team.image GROUP BY team.name ORDER BY sum(i.wasted) DESC, team.name`, key)
	if err != nil {
		return err
	}
	return r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var name string
		var w fleet.TeamWaste
		err := scan(&name, &w.Cause, &w.Bytes)
		t := &r.out.Teams[at[name]]
		t.Causes = append(t.Causes, w)
		return err
	}, teams+`SELECT team.name, w.cause, sum(w.bytes) FROM team JOIN fleet_image_layers l ON l.image = team.image JOIN fleet_part_wastes w ON w.part = l.part
		GROUP BY team.name, w.cause ORDER BY team.name, sum(w.bytes) DESC, w.cause`, key)
}

func (r *report) findings(ctx context.Context) error {
	found := `WITH by_layer AS (SELECT f.finding, max(f.low) AS low, max(f.high) AS high, sum(f.low) AS each_low, sum(f.high) AS each_high, count(*) AS images, min(f.image) AS image
		FROM fleet_image_findings f JOIN fleet_cur cur ON cur.image = f.image GROUP BY f.finding, COALESCE(f.layer, -f.image)),
		by_finding AS (SELECT finding, sum(low) AS low, sum(high) AS high, sum(each_low) AS each_low, sum(each_high) AS each_high, sum(images) AS images, min(image) AS image FROM by_layer GROUP BY finding) `
	if err := r.one(ctx, found+`SELECT count(*) FROM by_finding`, &r.out.MoreFindings); err != nil {
		return err
	}
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var f fleet.Finding
		err := scan(&f.Rule, &f.Fingerprint, &f.Message, &f.Advice, &f.Images, &f.Once.Low, &f.Once.High, &f.Each.Low, &f.Each.High, &f.Example)
		r.out.Findings = append(r.out.Findings, f)
		return err
	}, found+`SELECT f.rule, f.fingerprint, f.message, f.advice, b.images, b.low, b.high, b.each_low, b.each_high, i.place
		FROM by_finding b JOIN fleet_findings f ON f.id = b.finding JOIN fleet_images i ON i.id = b.image ORDER BY b.low + b.high DESC, b.images DESC, f.fingerprint`+r.limit())
	r.out.MoreFindings -= int64(len(r.out.Findings))
	return err
}

func (r *report) growth(ctx context.Context) error {
	err := r.s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var g fleet.Growth
		err := scan(&g.Scan, &g.Time, &g.What)
		r.out.Growth = append(r.out.Growth, g)
		return err
	}, `SELECT id, at, what FROM (SELECT s.*, row_number() OVER (PARTITION BY what ORDER BY id DESC) AS newest FROM fleet_scans s WHERE what IN (SELECT what FROM fleet_scans WHERE `+r.in("id")+`)) AS numbered
		WHERE newest <= ?1 ORDER BY what, id`, maxGrowth)
	for i := range r.out.Growth {
		if err != nil {
			break
		}
		g := &r.out.Growth[i]
		at := report{s: r.s, at: r.at, scans: []int64{g.Scan}, out: &fleet.Report{}}
		if err = at.prepare(ctx); err == nil { // the last part that needs the tables
			err = at.totals(ctx)
		}
		g.Images, g.Layers, g.Once, g.Each = at.out.Totals.Images, at.out.Totals.Layers, at.out.Totals.Once.Size, at.out.Totals.Each.Size
	}
	return err
}

func (r *report) failures(ctx context.Context) (err error) {
	r.out.Failed, err = r.s.failures(ctx, r.at, r.in("n.scan"), r.limit())
	return err
}

func (s *Store) failures(ctx context.Context, of database.Asked, where, limit string) ([]fleet.Failure, error) {
	out := []fleet.Failure{}
	err := s.db.Each(ctx, of, func(scan func(...any) error) error {
		var f fleet.Failure
		err := scan(&f.Name, &f.Error, &f.Hint)
		out = append(out, f)
		return err
	}, `SELECT DISTINCT n.name, CASE WHEN n.error <> '' THEN n.error ELSE i.error END, CASE WHEN n.error <> '' THEN n.hint ELSE i.hint END
		FROM fleet_names n LEFT JOIN fleet_images i ON i.id = n.image WHERE `+where+` AND (n.error <> '' OR i.state = '`+failed+`') ORDER BY 1`+limit)
	return out, err
}

// Find has the images of the last scans that have a package; version is empty for any.
func (s *Store) Find(ctx context.Context, name, version string, o ReportOptions) (*fleet.Found, error) {
	r := &report{s: s, o: o, out: &fleet.Report{}}
	if err := r.begin(ctx, r.current); err != nil {
		return nil, s.failed(err)
	}
	defer r.end(ctx)
	out := &fleet.Found{Schema: fleet.FoundSchema, Database: s.db.Name, Package: name, Version: version, Rows: []fleet.Hit{}}
	// As names of packages are compared: https://packaging.python.org/en/latest/specifications/name-normalization/
	same := func(of string) string { return `lower(replace(replace(` + of + `, '_', '-'), '.', '-'))` }
	err := s.db.Each(ctx, r.at, func(scan func(...any) error) error {
		var h fleet.Hit
		err := scan(&h.Image, &h.Digest, &h.Ecosystem, &h.Name, &h.Version, &h.Visible, &out.More)
		out.Rows = append(out.Rows, h)
		return err
	}, `WITH sums AS (SELECT l.image, o.ecosystem, o.name, o.version, sum(po.visible) AS visible
		FROM fleet_owners o CROSS JOIN fleet_part_owners po CROSS JOIN fleet_image_layers l CROSS JOIN fleet_cur cur
		WHERE po.owner = o.id AND l.part = po.part AND cur.image = l.image AND `+packaged+` AND `+same("o.name")+` = `+same("CAST(?1 AS TEXT)")+` AND (o.version = ?2 OR ?2 = '') GROUP BY l.image, o.ecosystem, o.name, o.version),
		hits AS (SELECT DISTINCT n.name AS named, i.digest, s.ecosystem, s.name, s.version, s.visible
		FROM sums s JOIN fleet_images i ON i.id = s.image JOIN fleet_names n ON n.image = i.id AND `+r.in("n.scan")+`)
		SELECT named, digest, ecosystem, name, version, visible, count(*) OVER () FROM hits ORDER BY named, ecosystem, version`+r.limit(), name, version)
	out.More -= int64(len(out.Rows))
	return out, s.failed(err)
}

// Status is how far the last scans are, and what the database holds.
func (s *Store) Status(ctx context.Context, rows int) (*fleet.Status, error) {
	out := &fleet.Status{Schema: fleet.StatusSchema, Database: s.db.Name, Scans: []fleet.Scan{}, Failed: []fleet.Failure{}}
	scans, err := s.scans(ctx, 0)
	if err != nil {
		return nil, s.failed(err)
	}
	r := &report{s: s, o: ReportOptions{Rows: rows}}
	for _, x := range scans {
		r.scans = append(r.scans, x.ID)
	}
	if out.Scans = append(out.Scans, scans...); len(scans) > 0 {
		if out.Failed, err = s.failures(ctx, s.db.SQL, r.in("n.scan"), r.limit()); err != nil {
			return nil, s.failed(err)
		}
	}
	if out.Layers, err = s.Layers(ctx); err != nil {
		return nil, err
	}
	if out.Workers, err = s.Workers(ctx); err != nil {
		return nil, err
	}
	u, err := s.Usage(ctx)
	if err != nil {
		return nil, err
	}
	out.Bytes, out.Indexes, out.LayerBytes = u.Bytes, u.Indexes, u.LayerBytes
	return out, nil
}
