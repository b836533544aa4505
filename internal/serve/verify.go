package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/progress"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/serve/jobs"
	"whittle.dev/whittle/internal/static"
)

// Verify proves the fixes of a project and writes nothing: it is [lab.Fix].
type Verify func(ctx context.Context, env *host.Env, o lab.FixOptions) (*whittle.Repair, error)

// The files that a verification leaves.
const (
	resultFile = "result"  // what whittle fix --verify --json prints
	changeFile = "changes" // the files before and after
)

// changed is a file before and after a repair, as it is kept: a result as JSON has only
// the diff.
type changed struct {
	Path          string
	Before, After []byte
	Created       bool
}

// verifier proves the fixes of projects, in a queue.
type verifier struct {
	o     *Options
	queue *jobs.Queue // nil without a project
	// writing is held while a file of a project is written.
	writing *sync.Mutex
}

// verify does a job: it builds and runs a project's images before and after the fixes.
func (v *verifier) verify(ctx context.Context, j jobs.Job, log *jobs.Log) (map[string][]byte, error) {
	shown := progress.New(progress.Options{Out: log, Printable: page.Plain})
	defer shown.Close()
	env := *v.o.Env
	env.Progress = streamed{shown, log}
	r, err := v.o.Verify(ctx, &env, lab.FixOptions{StudyOptions: lab.StudyOptions{Dir: j.Project, Risk: j.Risk}, Verify: true})
	if err != nil {
		return nil, err
	}
	var result bytes.Buffer
	if err := jsontext.Write(&result, r); err != nil {
		return nil, err
	}
	var all []changed
	for _, f := range r.Files {
		all = append(all, changed{f.Path, f.Before, f.After, f.Created})
	}
	changes, err := json.Marshal(all)
	return map[string][]byte{resultFile: result.Bytes(), changeFile: changes}, err
}

// streamed shows what a terminal would, and each line that builds print besides.
type streamed struct {
	whittle.Progress
	log io.Writer
}

// Begin implements [whittle.Progress].
func (s streamed) Begin(w whittle.Work) whittle.Task { return streamedTask{s.Progress.Begin(w), s.log} }

type streamedTask struct {
	whittle.Task
	log io.Writer
}

// Say implements [whittle.Task].
func (t streamedTask) Say(line string) {
	t.Task.Say(line)
	fmt.Fprintln(t.log, page.Plain(line))
}

// JobsSchema names the JSON form of [JobList].
const JobsSchema = "whittle.jobs/v1"

// JobList are jobs, the newest first.
type JobList struct {
	Schema string     `json:"schema"`
	Jobs   []jobs.Job `json:"jobs"`
}

func (v *verifier) jobList(context.Context, url.Values) (*html.Page, error) {
	list := JobList{Schema: JobsSchema, Jobs: []jobs.Job{}}
	if v.queue != nil {
		list.Jobs = v.queue.List()
	}
	return text("Jobs", "Local page", "jobs", list)
}

// aJob is a job with what it has printed and given.
type aJob struct {
	jobs.Job
	Lines   []string
	Result  template.HTML
	Changes bool // files can be written
	Written bool // and were, just now
}

// Goes says that the job has not ended.
func (j aJob) Goes() bool { return !j.Status.Ended() }

// job shows a job. Its value is the list with this one alone, and of one that is done the
// result.
func (v *verifier) job(_ context.Context, q url.Values) (*html.Page, error) {
	id, err := v.jobID(q)
	if err != nil {
		return nil, err
	}
	j, log, err := v.queue.Get(id)
	if err != nil {
		return nil, err
	}
	out := aJob{Job: j, Written: q.Get("written") != ""}
	if out.Lines, _, err = log.Since(0); err != nil {
		return nil, err
	}
	var value any = JobList{JobsSchema, []jobs.Job{j}}
	if j.Status == jobs.Done {
		r, files, err := v.result(id)
		if err != nil {
			return nil, err
		}
		var body bytes.Buffer
		if err := report.RepairHTML(&body, r); err != nil {
			return nil, err
		}
		out.Result, out.Changes, value = template.HTML(body.String()), len(files) > 0, r //nolint:gosec // the report escapes it
	}
	p, err := text(page.Plain(filepath.Base(j.Project)), fmt.Sprintf("Job %d", j.ID), "job", out)
	if err == nil {
		p.Value = value
	}
	return p, err
}

// jobID is the number of the job that a request is about. There is none without a project.
func (v *verifier) jobID(q url.Values) (int64, error) {
	text, err := one(q, "id", "a number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, whittle.ErrUsage.Errorf("%s is no number", page.Plain(text))
	}
	if v.queue == nil {
		return 0, whittle.WithHint(whittle.ErrNotFound.Errorf("no project is served, so that there are no jobs"), "name one: whittle serve DIR")
	}
	return n, nil
}

// result is what a verification has given.
func (v *verifier) result(id int64) (*whittle.Repair, []changed, error) {
	text, err := v.queue.File(id, resultFile)
	if err != nil {
		return nil, nil, err
	}
	changes, err := v.queue.File(id, changeFile)
	if err != nil {
		return nil, nil, err
	}
	r, all := &whittle.Repair{}, []changed{}
	if err := cmp.Or(json.Unmarshal(text, r), json.Unmarshal(changes, &all)); err != nil {
		return nil, nil, whittle.ErrCorrupt.Errorf("reading the result of job %d: %w", id, err)
	}
	return r, all, nil
}

// project is the folder of a project that is served, as the system has it: jobs outlive the
// folder that the server was started in.
func (v *verifier) project(name string) (string, error) {
	for _, dir := range v.o.Projects {
		if abs, err := filepath.Abs(dir); err == nil && (name == dir || name == abs) {
			return abs, nil
		}
	}
	return "", whittle.WithHint(whittle.ErrNotFound.Errorf("%s is no project that is served", page.Plain(name)), "name it: whittle serve DIR")
}

// startVerify puts a verification of a project into the queue.
func (v *verifier) startVerify(_ context.Context, q url.Values) (string, error) {
	name, err := one(q, "project", "a project")
	if err != nil {
		return "", err
	}
	dir, err := v.project(name)
	if err != nil {
		return "", err
	}
	risk := whittle.Risk(q.Get("risk"))
	if !slices.Contains([]whittle.Risk{"", whittle.RiskNone, whittle.RiskLow, whittle.RiskMedium, whittle.RiskHigh}, risk) {
		return "", whittle.ErrUsage.Errorf("there is no risk %q: the risks are none, low, medium and high", page.Plain(string(risk)))
	}
	j, err := v.queue.Add(dir, risk)
	return to("job", "id", fmt.Sprint(j.ID)), err
}

// cancel ends a job.
func (v *verifier) cancel(_ context.Context, q url.Values) (string, error) {
	id, err := v.jobID(q)
	if err == nil {
		err = v.queue.Cancel(id)
	}
	return to("job", "id", fmt.Sprint(id)), err
}

// writeResult writes the files that a verification has proven, if they are still as they
// were, and git has them.
func (v *verifier) writeResult(ctx context.Context, q url.Values) (string, error) {
	id, err := v.jobID(q)
	if err != nil {
		return "", err
	}
	j, _, err := v.queue.Get(id)
	if err != nil {
		return "", err
	}
	_, all, err := v.result(id)
	if err != nil {
		return "", err
	}
	dir, err := v.project(j.Project)
	if err != nil {
		return "", err
	}
	var files []whittle.FileChange
	for _, c := range all {
		files = append(files, whittle.FileChange{Path: c.Path, Before: c.Before, After: c.After, Created: c.Created})
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	err = static.Write(ctx, dir, files, static.WriteOptions{Force: q.Get("force") != "", Dirty: v.o.Env.Dirty})
	return to("job", "id", fmt.Sprint(id)) + "&written=yes", err
}

// action answers a form that changes something with the page that shows it then.
func (s *Server) action(do func(context.Context, url.Values) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := values(w, r)
		var to string
		if err == nil {
			to, err = do(r.Context(), form)
		}
		if err != nil {
			p, code := failed(err)
			s.writePage(w, p, code)
			return
		}
		w.Header().Set("Location", to) // relative: the path begins with the token
		w.WriteHeader(http.StatusSeeOther)
	})
}

// events sends what a job prints, from the line on that the browser has not seen, and its
// state when that changes.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (v *verifier) events(w http.ResponseWriter, r *http.Request) {
	q, err := values(w, r)
	var id int64
	if err == nil {
		id, err = v.jobID(q)
	}
	if err == nil {
		_, _, err = v.queue.Get(id)
	}
	if err != nil {
		p, code := failed(err)
		writeJSON(w, code, p.Value)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	from, _ := strconv.Atoi(cmp.Or(r.Header.Get("Last-Event-ID"), q.Get("from"))) // else from the first
	v.stream(r.Context(), w, id, max(from, 0))
}

// stream sends events until the job has ended, or who asked is gone. The id of an event is
// the number of lines that were sent by then.
func (v *verifier) stream(ctx context.Context, w http.ResponseWriter, id int64, from int) {
	flush := http.NewResponseController(w)
	var last jobs.Status
	for {
		_, log, err := v.queue.Get(id)
		if err != nil {
			return
		}
		lines, more, err := log.Since(from)
		if err != nil {
			return
		}
		j, _, err := v.queue.Get(id) // after what tells of a change was taken
		if err != nil {
			return
		}
		for _, line := range lines {
			from++
			if _, err := fmt.Fprintf(w, "id: %d\nevent: line\ndata: %s\n\n", from, page.Plain(line)); err != nil {
				return
			}
		}
		if j.Status != last {
			last = j.Status
			fmt.Fprintf(w, "event: state\ndata: %s\n\n", last)
		}
		if flush.Flush() != nil || last.Ended() || jobs.Wait(ctx, more) != nil {
			return
		}
	}
}
