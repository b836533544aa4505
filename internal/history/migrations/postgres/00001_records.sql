-- +goose Up
CREATE TABLE records (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         TEXT COLLATE "C" NOT NULL,            -- RFC 3339 in UTC, with a fixed number of digits: it sorts as time
  command    TEXT NOT NULL,
  project    TEXT NOT NULL,
  variant    TEXT NOT NULL,
  commit_id  TEXT NOT NULL,
  branch     TEXT NOT NULL,
  modified   BOOLEAN NOT NULL,
  engine     TEXT NOT NULL,
  engine_version TEXT NOT NULL,
  ref        TEXT NOT NULL,
  digest     TEXT NOT NULL,
  platform   TEXT NOT NULL,
  download   BIGINT,
  size       BIGINT NOT NULL,
  visible    BIGINT NOT NULL,
  wasted     BIGINT NOT NULL,
  files      BIGINT NOT NULL,
  startup    DOUBLE PRECISION,
  build      DOUBLE PRECISION,
  gate       TEXT NOT NULL,
  runs       TEXT NOT NULL,
  parts      BYTEA NOT NULL             -- the rest of the record, JSON by gzip
);
CREATE INDEX records_project ON records (project, variant, id);
CREATE INDEX records_commit ON records (commit_id, id);
CREATE INDEX records_at ON records (at);

-- The packages of a record: what a query over time asks for.
CREATE TABLE owners (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ecosystem TEXT NOT NULL,
  name      TEXT NOT NULL,
  version   TEXT NOT NULL,
  UNIQUE (name, ecosystem, version)
);
CREATE TABLE packages (
  record  BIGINT NOT NULL REFERENCES records (id) ON DELETE CASCADE,
  owner   BIGINT NOT NULL REFERENCES owners (id),
  visible BIGINT NOT NULL,
  PRIMARY KEY (record, owner)
);
CREATE INDEX packages_owner ON packages (owner, record);

-- +goose Down
DROP TABLE packages;
DROP TABLE owners;
DROP TABLE records;
