-- +goose Up
CREATE TABLE fleet_scans (
  id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       TEXT COLLATE "C" NOT NULL,  -- RFC 3339 in UTC, with a fixed number of digits: it sorts as time
  what     TEXT NOT NULL,              -- what was asked for: of two scans of the same, the later one counts
  platform TEXT NOT NULL
);
CREATE INDEX fleet_scans_what ON fleet_scans (what, id);

-- Images by their contents.
CREATE TABLE fleet_images (
  id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest   TEXT NOT NULL UNIQUE,       -- of the manifest
  place    TEXT NOT NULL,              -- the name under which it was found first
  platform TEXT NOT NULL,
  created  TEXT NOT NULL,
  labels   TEXT NOT NULL,              -- JSON
  config   BYTEA NOT NULL,             -- the configuration, compressed
  state    TEXT NOT NULL,              -- reading, done or failed
  version  TEXT NOT NULL,              -- of the indexes that the figures are from
  error    TEXT NOT NULL,
  hint     TEXT NOT NULL,
  download BIGINT,
  size     BIGINT NOT NULL,
  visible  BIGINT NOT NULL,
  wasted   BIGINT NOT NULL,
  files    BIGINT NOT NULL
);
CREATE INDEX fleet_images_reading ON fleet_images (id) WHERE state = 'reading';

-- The names of a scan. Each ends with an image, or with an error of its own.
CREATE TABLE fleet_names (
  scan   BIGINT NOT NULL REFERENCES fleet_scans (id) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  image  BIGINT REFERENCES fleet_images (id),
  error  TEXT NOT NULL,
  hint   TEXT NOT NULL,
  PRIMARY KEY (scan, name)
);
CREATE INDEX fleet_names_image ON fleet_names (image);
CREATE INDEX fleet_names_open ON fleet_names (scan, name) WHERE image IS NULL AND error = '';

-- Layers by the digest of their tar, with what was read of them.
CREATE TABLE fleet_layers (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  diff_id TEXT NOT NULL UNIQUE,
  version TEXT NOT NULL,
  data    BYTEA NOT NULL               -- the index, compressed
);

-- Blobs as manifests claim them, and whether one was read: then the claims are true.
CREATE TABLE fleet_blobs (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest  TEXT NOT NULL,
  size    BIGINT NOT NULL,
  diff_id TEXT NOT NULL,
  version TEXT NOT NULL,               -- with which it was read, empty before
  layer   BIGINT REFERENCES fleet_layers (id),
  UNIQUE (digest, diff_id, size)
);

-- What a layer is in an image: the sums of its files by owner and by cause of waste. Where
-- nothing above hides anything else, it is the same in all images.
CREATE TABLE fleet_parts (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest  TEXT NOT NULL UNIQUE,        -- of the rows and the layer
  layer   BIGINT NOT NULL REFERENCES fleet_layers (id),
  size    BIGINT NOT NULL,
  visible BIGINT NOT NULL,
  wasted  BIGINT NOT NULL,
  entries BIGINT NOT NULL
);
CREATE INDEX fleet_parts_layer ON fleet_parts (layer);
CREATE TABLE fleet_owners (
  id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ecosystem TEXT NOT NULL,
  name      TEXT NOT NULL,
  version   TEXT NOT NULL,
  UNIQUE (name, ecosystem, version)
);
CREATE TABLE fleet_part_owners (
  part    BIGINT NOT NULL REFERENCES fleet_parts (id) ON DELETE CASCADE,
  owner   BIGINT NOT NULL REFERENCES fleet_owners (id),
  visible BIGINT NOT NULL,
  files   BIGINT NOT NULL,             -- visible ones
  PRIMARY KEY (part, owner)
);
CREATE INDEX fleet_part_owners_owner ON fleet_part_owners (owner, part);
CREATE TABLE fleet_part_wastes (
  part  BIGINT NOT NULL REFERENCES fleet_parts (id) ON DELETE CASCADE,
  cause TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  files BIGINT NOT NULL,
  PRIMARY KEY (part, cause)
);

CREATE TABLE fleet_image_layers (
  image      BIGINT NOT NULL REFERENCES fleet_images (id) ON DELETE CASCADE,
  position   BIGINT NOT NULL,
  blob       BIGINT NOT NULL REFERENCES fleet_blobs (id),
  media_type TEXT NOT NULL,
  part       BIGINT REFERENCES fleet_parts (id),
  PRIMARY KEY (image, position)
);
CREATE INDEX fleet_image_layers_blob ON fleet_image_layers (blob, image);
CREATE INDEX fleet_image_layers_part ON fleet_image_layers (part, image);

CREATE TABLE fleet_findings (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  rule        TEXT NOT NULL,
  message     TEXT NOT NULL,           -- of the first image that had it
  advice      TEXT NOT NULL
);
CREATE TABLE fleet_image_findings (
  image   BIGINT NOT NULL REFERENCES fleet_images (id) ON DELETE CASCADE,
  finding BIGINT NOT NULL REFERENCES fleet_findings (id),
  layer   BIGINT REFERENCES fleet_layers (id), -- that has most of what would go
  low     BIGINT NOT NULL,
  high    BIGINT NOT NULL,
  breaks  BOOLEAN NOT NULL,
  PRIMARY KEY (image, finding)
);
CREATE INDEX fleet_image_findings_finding ON fleet_image_findings (finding, image);

-- The processes that work, and when each was last seen.
CREATE TABLE fleet_workers (
  id   TEXT PRIMARY KEY,
  seen BIGINT NOT NULL                 -- milliseconds, by the clock of the database
);

-- +goose Down
DROP TABLE fleet_workers;
DROP TABLE fleet_image_findings;
DROP TABLE fleet_findings;
DROP TABLE fleet_image_layers;
DROP TABLE fleet_part_wastes;
DROP TABLE fleet_part_owners;
DROP TABLE fleet_owners;
DROP TABLE fleet_parts;
DROP TABLE fleet_blobs;
DROP TABLE fleet_layers;
DROP TABLE fleet_names;
DROP TABLE fleet_images;
DROP TABLE fleet_scans;
