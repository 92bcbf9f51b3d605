-- One authoritative append-only table, `entry`. The typed tables below are filled from it by triggers alone, so
-- they cannot disagree with it, can be rebuilt from it and compared (`lsr verify`), and merge by union.
-- Integers named `n` are handles of this file only: nothing outside the file ever sees one.

CREATE TABLE copy (                 -- local, never merged: the names this file has had; the last one is in force
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  file TEXT NOT NULL                -- device and inode: a copied or restored file has another, and takes a new id
) STRICT;

CREATE TABLE entry (
  n INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE CHECK (hash GLOB 'sha256:*'),
  chain TEXT NOT NULL,              -- author '@' copy
  seq INTEGER NOT NULL CHECK (seq > 0),
  prev TEXT NOT NULL,               -- hash of seq-1 in the same chain, '' for the first
  clock INTEGER NOT NULL,           -- Lamport counter: (clock, hash) is the order of all entries
  at TEXT NOT NULL,                 -- wall time, shown only
  author TEXT NOT NULL CHECK (author <> '' AND substr(chain, 1, length(author) + 1) = author || '@'),
  kind TEXT NOT NULL CHECK (kind IN ('protocol', 'previous', 'run', 'assign', 'removal', 'study', 'link',
    'trial_link', 'overlap', 'vote', 'resolution', 'reopen', 'retrieval', 'cohort', 'fact', 'datum', 'version',
    'failure', 'acceptance', 'registration', 'pair', 'report_choice', 'reopen_withdrawal', 'awaiting', 'contact')),
  body TEXT NOT NULL CHECK (json_valid(body)),
  UNIQUE (chain, seq)
) STRICT;
CREATE INDEX entry_clock ON entry (clock, hash);  -- without it each append scans the ledger

-- The protocol in force, and what views need of it ---------------------------------------------------------------
CREATE TABLE protocol (
  n INTEGER PRIMARY KEY REFERENCES entry,
  text TEXT NOT NULL,
  votes_needed INTEGER NOT NULL CHECK (votes_needed > 0),
  title_abstract_rule TEXT NOT NULL CHECK (title_abstract_rule IN ('either', 'agree')),
  reasons_must_agree INTEGER NOT NULL,
  extractors INTEGER NOT NULL CHECK (extractors > 0)
) STRICT;
CREATE TABLE protocol_reason (
  n INTEGER NOT NULL REFERENCES entry,
  rank INTEGER NOT NULL,
  code TEXT NOT NULL,
  PRIMARY KEY (n, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE protocol_outcome (
  n INTEGER NOT NULL REFERENCES entry,
  rank INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  denominator TEXT NOT NULL,
  PRIMARY KEY (n, outcome)
) STRICT, WITHOUT ROWID;

-- What was found. Records and sightings are not entries: the run's entry carries a digest over all it brought ------
CREATE TABLE run (
  n INTEGER PRIMARY KEY REFERENCES entry,
  id TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  -- 'retrieval': pages opened for DOIs that a search had found; it identifies nothing and stands in no PRISMA box
  arm TEXT NOT NULL CHECK (arm IN ('databases', 'registers', 'websites', 'organisations', 'citation', 'contacts',
    'previous', 'retrieval')),
  query TEXT NOT NULL,
  searched_at TEXT NOT NULL,        -- when the source answered; a replay keeps the time of the archived replies
  replayed INTEGER NOT NULL,
  composed TEXT NOT NULL,           -- not empty: the replies were made up for a demonstration
  hits INTEGER NOT NULL,
  new_records INTEGER NOT NULL,
  records_sha256 TEXT NOT NULL,     -- digest over the rows of `found` of this run
  ids_sha256 TEXT NOT NULL,         -- archived list of every id this run saw: sightings
  log TEXT NOT NULL                 -- JSON: query translation, warnings, counts, deletions
) STRICT;
CREATE TABLE reply (
  n INTEGER NOT NULL REFERENCES entry,
  k INTEGER NOT NULL,
  request TEXT NOT NULL,            -- method, path and parameters, without host and secrets
  sha256 TEXT NOT NULL,             -- name of the reply in the archive
  status INTEGER NOT NULL,
  at TEXT NOT NULL,
  composed TEXT NOT NULL,
  PRIMARY KEY (n, k)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
  id TEXT PRIMARY KEY CHECK (id = source || ':' || native_id),
  source TEXT NOT NULL,
  native_id TEXT NOT NULL
) STRICT;
CREATE TABLE content (              -- what a source printed of a record, once for each distinct content
  sha256 TEXT PRIMARY KEY,          -- not WITHOUT ROWID: abstracts would each take an overflow page of their own
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE TABLE found (                -- a row where a run brought a new record or new content of a known one
  record TEXT NOT NULL REFERENCES record,
  run TEXT NOT NULL REFERENCES run (id) DEFERRABLE INITIALLY DEFERRED,
  sha256 TEXT NOT NULL REFERENCES content,
  PRIMARY KEY (record, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX found_run ON found (run);
CREATE INDEX content_doi ON content (body ->> '$.doi');  -- which record has this DOI

CREATE TABLE failure (              -- a search that was not whole, or that a person must look at: nothing of it was kept
  n INTEGER PRIMARY KEY REFERENCES entry,
  source TEXT NOT NULL,
  at TEXT NOT NULL,
  query TEXT NOT NULL,
  why TEXT NOT NULL,                -- one line for people
  questions TEXT NOT NULL CHECK (json_valid(questions))  -- what a person may accept; empty if it only has to run again
) STRICT;
CREATE INDEX failure_source ON failure (source);
CREATE TABLE acceptance (           -- a person's answer to a question of a failure: the next run may pass it
  n INTEGER PRIMARY KEY REFERENCES entry,
  source TEXT NOT NULL,
  question TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE INDEX acceptance_question ON acceptance (source, question);
CREATE TABLE registration (         -- what a register prints of a trial: facts for linking; it identifies nothing
  n INTEGER PRIMARY KEY REFERENCES entry,
  trial TEXT NOT NULL,
  source TEXT NOT NULL,
  facts TEXT NOT NULL CHECK (json_valid(facts))
) STRICT;
CREATE INDEX registration_trial ON registration (trial);

-- Judgements; every row points at the entry it came from ----------------------------------------------------------
CREATE TABLE previous (             -- the reports and studies of the review that this one continues
  n INTEGER NOT NULL REFERENCES entry,
  report TEXT NOT NULL,
  study TEXT NOT NULL,
  PRIMARY KEY (n, report, study)
) STRICT, WITHOUT ROWID;
CREATE TABLE previous_review (      -- what that review says of itself: counts are text, "not available" included
  n INTEGER PRIMARY KEY REFERENCES entry,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;
CREATE TABLE assign (               -- a record is a record of this report; undo is another row
  n INTEGER NOT NULL REFERENCES entry,
  record TEXT NOT NULL,
  report TEXT NOT NULL,
  evidence TEXT NOT NULL,
  since INTEGER,                    -- restores an earlier assignment: it counts as never undone, from this clock on
  PRIMARY KEY (record, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX assign_report ON assign (report);
CREATE TABLE removal (
  n INTEGER PRIMARY KEY REFERENCES entry,
  record TEXT NOT NULL,
  why TEXT NOT NULL CHECK (why IN ('automation', 'other', 'restored'))
) STRICT;
CREATE TABLE study (
  n INTEGER PRIMARY KEY REFERENCES entry,
  study TEXT NOT NULL,
  label TEXT NOT NULL,
  patients INTEGER
) STRICT;
CREATE INDEX study_id ON study (study);
CREATE TABLE link (                 -- report ↔ study, many to many
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  study TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('proposed', 'linked', 'refused')),
  evidence TEXT NOT NULL
) STRICT;
CREATE INDEX link_report ON link (report, study);
CREATE TABLE trial_link (           -- trial ↔ study or trial ↔ report, many to many
  n INTEGER PRIMARY KEY REFERENCES entry,
  trial TEXT NOT NULL,
  study TEXT,
  report TEXT,
  state TEXT NOT NULL CHECK (state IN ('linked', 'refused')),
  CHECK ((study IS NULL) <> (report IS NULL))
) STRICT;
CREATE TABLE overlap (              -- the same patients may be in both studies; `keep` is the study whose rows count
  n INTEGER PRIMARY KEY REFERENCES entry,
  a TEXT NOT NULL,
  b TEXT NOT NULL,
  certainty TEXT NOT NULL CHECK (certainty IN ('certain', 'probable', 'possible', 'none')),
  patients INTEGER,
  keep TEXT CHECK (keep IS NULL OR keep IN (a, b)),
  why TEXT NOT NULL,
  ruling INTEGER NOT NULL CHECK (ruling IN (0, 1)),  -- 1: the adjudicator's, where two people chose differently
  CHECK (a < b)
) STRICT;
CREATE TABLE vote (
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('title-abstract', 'full-text')),
  round TEXT NOT NULL,              -- '' or the hash of the reopening it answers: no clock decides which votes count
  reviewer TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('include', 'exclude', 'unsure', 'withdrawn')),
  reason TEXT,
  note TEXT NOT NULL,
  CHECK (stage <> 'full-text' OR verdict <> 'exclude' OR reason IS NOT NULL)
) STRICT;
CREATE INDEX vote_report ON vote (report, stage, round, reviewer, n);
CREATE TABLE resolution (
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('title-abstract', 'full-text')),
  round TEXT NOT NULL,
  adjudicator TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('include', 'exclude')),
  reason TEXT,
  note TEXT NOT NULL,
  CHECK (stage <> 'full-text' OR verdict <> 'exclude' OR reason IS NOT NULL)
) STRICT;
CREATE INDEX resolution_report ON resolution (report, stage, round);
CREATE TABLE reopen (               -- opens a new round for a report at a stage, or for a study's extraction
  n INTEGER PRIMARY KEY REFERENCES entry,
  round TEXT NOT NULL UNIQUE,       -- the hash of its own entry
  subject TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('title-abstract', 'full-text', 'extraction')),
  why TEXT NOT NULL,
  other TEXT                        -- opened because this record was found to be one with the subject: counts while it is
) STRICT;
CREATE INDEX reopen_subject ON reopen (subject, stage);
CREATE TABLE retrieval (
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  got INTEGER NOT NULL CHECK (got IN (0, 1)),
  route TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  file TEXT NOT NULL,               -- where people keep it, inside the review's folder; never shared
  licence TEXT NOT NULL,
  supplement TEXT NOT NULL CHECK (supplement IN ('', 'yes', 'no')),
  language TEXT NOT NULL,
  why TEXT NOT NULL                 -- why it could not be retrieved
) STRICT;
CREATE INDEX retrieval_report ON retrieval (report);
-- What a full text waits for before it can be judged, and what its authors were asked.
CREATE TABLE awaiting (
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('translation', 'classification', 'nothing')),
  why TEXT NOT NULL
) STRICT;
CREATE INDEX awaiting_report ON awaiting (report);
CREATE TABLE contact (              -- the same day and question again, with an answer: the answer
  n INTEGER PRIMARY KEY REFERENCES entry,
  report TEXT NOT NULL,
  asked_on TEXT NOT NULL,
  about TEXT NOT NULL,
  answer TEXT NOT NULL
) STRICT;
CREATE INDEX contact_report ON contact (report);
CREATE TABLE cohort (               -- the unit of pooling within a study
  n INTEGER NOT NULL REFERENCES entry,
  study TEXT NOT NULL,
  cohort TEXT NOT NULL,
  label TEXT NOT NULL,
  role TEXT NOT NULL,
  patients INTEGER,
  PRIMARY KEY (study, cohort, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE fact (                 -- a value of a field of the data dictionary: conditioning, doses, cell source, …
  n INTEGER PRIMARY KEY REFERENCES entry,
  study TEXT NOT NULL,
  cohort TEXT NOT NULL,
  field TEXT NOT NULL,
  row TEXT NOT NULL,                -- what is spoken of where a field has several values: an outcome, a patient, …
  round TEXT NOT NULL,
  report TEXT NOT NULL,
  extractor TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('extracted', 'resolved', 'previous')),
  status TEXT NOT NULL CHECK (status IN ('reported', 'none', 'silent', 'not-in-source', 'not-applicable', 'unclear',
    'withdrawn')),
  value TEXT NOT NULL,
  number REAL,                      -- of a decimal: two that differ by no more than `tolerance` agree
  tolerance REAL NOT NULL,
  any_agrees INTEGER NOT NULL,      -- words that two people never put alike: neither is a conflict
  place TEXT NOT NULL,
  quotation TEXT NOT NULL,          -- never leaves the folder
  source_kind TEXT NOT NULL,
  confidence TEXT NOT NULL CHECK (confidence IN ('sure', 'derived', 'guessed')),
  why TEXT NOT NULL,
  answer TEXT NOT NULL,             -- to what a check asked
  -- second-hand values may carry a note in words where the source says nothing
  CHECK (CASE status WHEN 'reported' THEN value <> '' WHEN 'none' THEN value <> '' WHEN 'silent' THEN 1
    WHEN 'not-in-source' THEN 1 ELSE value = '' END)
) STRICT;
CREATE INDEX fact_study ON fact (study, field);
CREATE TABLE datum (
  n INTEGER PRIMARY KEY REFERENCES entry,
  study TEXT NOT NULL,
  cohort TEXT NOT NULL,
  outcome TEXT NOT NULL,
  timepoint TEXT NOT NULL,
  denominator TEXT NOT NULL,
  reading TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('primary', 'alternative', 'reproduction')),
  round TEXT NOT NULL,
  report TEXT NOT NULL,
  extractor TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('extracted', 'resolved', 'previous')),
  status TEXT NOT NULL CHECK (status IN ('reported', 'none', 'silent', 'not-in-source', 'withdrawn')),
  events INTEGER,
  total INTEGER,
  place TEXT NOT NULL,
  quotation TEXT NOT NULL,          -- never leaves the folder
  source_kind TEXT NOT NULL,
  confidence TEXT NOT NULL CHECK (confidence IN ('sure', 'derived', 'guessed')),
  why TEXT NOT NULL,
  data_cut TEXT NOT NULL,
  printed TEXT NOT NULL,            -- the percentage as printed
  answer TEXT NOT NULL,             -- to what a check asked
  CHECK (role <> 'reproduction' OR origin = 'previous'),
  CHECK (role <> 'primary' OR confidence <> 'guessed'),
  CHECK (CASE status WHEN 'reported' THEN events IS NOT NULL AND total > 0 AND events BETWEEN 0 AND total
                     WHEN 'none' THEN events = 0 AND total > 0
                     ELSE events IS NULL AND total IS NULL END)
) STRICT;
CREATE INDEX datum_cell ON datum (study, outcome, cohort, timepoint, denominator, reading);
CREATE TABLE version (
  n INTEGER PRIMARY KEY REFERENCES entry,
  number TEXT NOT NULL,
  reason TEXT NOT NULL,
  heads TEXT NOT NULL,              -- {chain: [seq, hash]}: what this version saw
  frozen TEXT NOT NULL              -- JSON: counts, included set, data, estimates, fingerprint
) STRICT;

-- A cache: may be dropped at any time ------------------------------------------------------------------------------
CREATE TABLE estimate (
  fingerprint TEXT PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE block (                -- which records have a blocking key (db/blocks.py); `setting` says what it covers
  key INTEGER NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (key, record)
) STRICT, WITHOUT ROWID;

-- The only way in --------------------------------------------------------------------------------------------------
CREATE TRIGGER entry_machine BEFORE INSERT ON entry
WHEN NEW.author LIKE 'machine:%' AND (NEW.kind IN ('vote', 'resolution', 'retrieval', 'version', 'acceptance',
  'awaiting', 'contact')
  OR NEW.kind IN ('datum', 'fact') AND coalesce(NEW.body ->> 'origin', 'previous') <> 'previous')
BEGIN SELECT RAISE(ABORT, 'a machine does not decide'); END;

CREATE TRIGGER entry_protocol AFTER INSERT ON entry WHEN NEW.kind = 'protocol' BEGIN
  INSERT INTO protocol SELECT NEW.n, NEW.body->>'text', NEW.body->>'votes_needed', NEW.body->>'title_abstract_rule',
    NEW.body->>'reasons_must_agree', NEW.body->>'extractors';
  INSERT INTO protocol_reason SELECT NEW.n, key, value FROM json_each(NEW.body, '$.reasons');
  INSERT INTO protocol_outcome SELECT NEW.n, key, value->>0, value->>1 FROM json_each(NEW.body, '$.outcomes');
END;
CREATE TRIGGER entry_previous AFTER INSERT ON entry WHEN NEW.kind = 'previous' BEGIN
  INSERT INTO previous_review SELECT NEW.n, NEW.body->'review';
  INSERT OR IGNORE INTO previous SELECT NEW.n, value->>0, value->>1 FROM json_each(NEW.body, '$.items');
END;
CREATE TRIGGER entry_run AFTER INSERT ON entry WHEN NEW.kind = 'run' BEGIN
  INSERT INTO run SELECT NEW.n, NEW.body->>'id', NEW.body->>'source', NEW.body->>'arm', NEW.body->>'query',
    NEW.body->>'searched_at', NEW.body->>'replayed', NEW.body->>'composed', NEW.body->>'hits',
    NEW.body->>'new_records', NEW.body->>'records_sha256', NEW.body->>'ids_sha256', NEW.body->'log';
  INSERT INTO reply SELECT NEW.n, key, value->>0, value->>1, value->>2, value->>3, value->>4
    FROM json_each(NEW.body, '$.replies');
END;
CREATE TRIGGER entry_assign AFTER INSERT ON entry WHEN NEW.kind = 'assign' BEGIN
  INSERT INTO assign SELECT NEW.n, value->>0, value->>1, value->>2, value->>3
    FROM json_each(NEW.body, '$.items');
END;
CREATE TRIGGER entry_removal AFTER INSERT ON entry WHEN NEW.kind = 'removal' BEGIN
  INSERT INTO removal SELECT NEW.n, NEW.body->>'record', NEW.body->>'why';
END;
CREATE TRIGGER entry_study AFTER INSERT ON entry WHEN NEW.kind = 'study' BEGIN
  INSERT INTO study SELECT NEW.n, NEW.body->>'study', NEW.body->>'label', NEW.body->>'patients';
END;
CREATE TRIGGER entry_link AFTER INSERT ON entry WHEN NEW.kind = 'link' BEGIN
  INSERT INTO link SELECT NEW.n, NEW.body->>'report', NEW.body->>'study', NEW.body->>'state', NEW.body->'evidence';
END;
CREATE TRIGGER entry_trial_link AFTER INSERT ON entry WHEN NEW.kind = 'trial_link' BEGIN
  INSERT INTO trial_link SELECT NEW.n, NEW.body->>'trial', NEW.body->>'study', NEW.body->>'report', NEW.body->>'state';
END;
CREATE TRIGGER entry_overlap AFTER INSERT ON entry WHEN NEW.kind = 'overlap' BEGIN
  INSERT INTO overlap SELECT NEW.n, NEW.body->>'a', NEW.body->>'b', NEW.body->>'certainty', NEW.body->>'patients',
    NEW.body->>'keep', coalesce(NEW.body->>'why', ''), coalesce(NEW.body->>'ruling', 0);
END;
CREATE TRIGGER entry_vote AFTER INSERT ON entry WHEN NEW.kind = 'vote' BEGIN
  INSERT INTO vote SELECT NEW.n, NEW.body->>'report', NEW.body->>'stage', NEW.body->>'round', NEW.author,
    NEW.body->>'verdict', nullif(NEW.body->>'reason', ''), coalesce(NEW.body->>'note', '');
END;
CREATE TRIGGER entry_resolution AFTER INSERT ON entry WHEN NEW.kind = 'resolution' BEGIN
  INSERT INTO resolution SELECT NEW.n, NEW.body->>'report', NEW.body->>'stage', NEW.body->>'round', NEW.author,
    NEW.body->>'verdict', nullif(NEW.body->>'reason', ''), coalesce(NEW.body->>'note', '');
END;
CREATE TRIGGER entry_reopen AFTER INSERT ON entry WHEN NEW.kind = 'reopen' BEGIN
  INSERT INTO reopen SELECT NEW.n, NEW.hash, NEW.body->>'subject', NEW.body->>'stage', NEW.body->>'why',
    NEW.body->>'other';
END;
CREATE TRIGGER entry_retrieval AFTER INSERT ON entry WHEN NEW.kind = 'retrieval' BEGIN
  INSERT INTO retrieval SELECT NEW.n, NEW.body->>'report', NEW.body->>'got', coalesce(NEW.body->>'route', ''),
    coalesce(NEW.body->>'sha256', ''), coalesce(NEW.body->>'file', ''), coalesce(NEW.body->>'licence', ''),
    coalesce(NEW.body->>'supplement', ''), coalesce(NEW.body->>'language', ''), coalesce(NEW.body->>'why', '');
END;
CREATE TRIGGER entry_awaiting AFTER INSERT ON entry WHEN NEW.kind = 'awaiting' BEGIN
  INSERT INTO awaiting SELECT NEW.n, NEW.body->>'report', NEW.body->>'what', NEW.body->>'why';
END;
CREATE TRIGGER entry_contact AFTER INSERT ON entry WHEN NEW.kind = 'contact' BEGIN
  INSERT INTO contact SELECT NEW.n, NEW.body->>'report', NEW.body->>'asked_on', NEW.body->>'about',
    NEW.body->>'answer';
END;
CREATE TRIGGER entry_cohort AFTER INSERT ON entry WHEN NEW.kind = 'cohort' BEGIN
  INSERT INTO cohort SELECT NEW.n, NEW.body->>'study', NEW.body->>'cohort', NEW.body->>'label', NEW.body->>'role',
    NEW.body->>'patients';
END;
CREATE TRIGGER entry_fact AFTER INSERT ON entry WHEN NEW.kind = 'fact' BEGIN
  INSERT INTO fact SELECT NEW.n, NEW.body->>'study', NEW.body->>'cohort', NEW.body->>'field',
    coalesce(NEW.body->>'row', ''), coalesce(NEW.body->>'round', ''), NEW.body->>'report', NEW.author,
    coalesce(NEW.body->>'origin', 'previous'), NEW.body->>'status', NEW.body->>'value', NEW.body->>'number',
    coalesce(NEW.body->>'tolerance', 0.0), coalesce(NEW.body->>'any_agrees', 0), NEW.body->>'place',
    coalesce(NEW.body->>'quotation', ''), NEW.body->>'source_kind', coalesce(NEW.body->>'confidence', 'sure'),
    coalesce(NEW.body->>'why', ''), coalesce(NEW.body->>'answer', '');
END;
CREATE TRIGGER entry_datum AFTER INSERT ON entry WHEN NEW.kind = 'datum' BEGIN
  INSERT INTO datum SELECT NEW.n, NEW.body->>'study', NEW.body->>'cohort', NEW.body->>'outcome',
    NEW.body->>'timepoint', NEW.body->>'denominator', NEW.body->>'reading', NEW.body->>'role', NEW.body->>'round',
    NEW.body->>'report', NEW.author, NEW.body->>'origin', NEW.body->>'status', NEW.body->>'events',
    NEW.body->>'total', NEW.body->>'place', NEW.body->>'quotation', NEW.body->>'source_kind',
    NEW.body->>'confidence', NEW.body->>'why', coalesce(NEW.body->>'data_cut', ''),
    coalesce(NEW.body->>'printed', ''), coalesce(NEW.body->>'answer', '');
END;
CREATE TRIGGER entry_version AFTER INSERT ON entry WHEN NEW.kind = 'version' BEGIN
  INSERT INTO version SELECT NEW.n, NEW.body->>'number', NEW.body->>'reason', NEW.body->'heads', NEW.body->'frozen';
END;
CREATE TRIGGER entry_failure AFTER INSERT ON entry WHEN NEW.kind = 'failure' BEGIN
  INSERT INTO failure SELECT NEW.n, NEW.body->>'source', NEW.body->>'at', NEW.body->>'query', NEW.body->>'why',
    NEW.body->'questions';
END;
CREATE TRIGGER entry_acceptance AFTER INSERT ON entry WHEN NEW.kind = 'acceptance' BEGIN
  INSERT INTO acceptance SELECT NEW.n, NEW.body->>'source', NEW.body->>'question', NEW.body->>'why';
END;
CREATE TRIGGER entry_registration AFTER INSERT ON entry WHEN NEW.kind = 'registration' BEGIN
  INSERT INTO registration SELECT NEW.n, NEW.body->>'trial', NEW.body->>'source', NEW.body->'facts';
END;

-- Pairs of records that may be one publication: what machines find (proposed to people, joined, no longer found), and
-- what people decide. `assign` is what both amount to; undo is another row here, after which it is worked out anew.
CREATE TABLE pair (
  n INTEGER NOT NULL REFERENCES entry,
  a TEXT NOT NULL,
  b TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('proposed', 'joined', 'dropped', 'same', 'different', 'undone')),
  score REAL NOT NULL,
  evidence TEXT NOT NULL,           -- a machine's evidence; a person's reason
  PRIMARY KEY (a, b, n),
  CHECK (a < b)
) STRICT, WITHOUT ROWID;
CREATE INDEX pair_b ON pair (b);
CREATE TRIGGER entry_pair_decision BEFORE INSERT ON entry
WHEN NEW.kind = 'pair' AND (NEW.author LIKE 'machine:%') = (NEW.body ->> 'state' IN ('same', 'different', 'undone'))
BEGIN SELECT RAISE(ABORT, 'machines find duplicates, people decide on them'); END;
CREATE TRIGGER entry_pair AFTER INSERT ON entry WHEN NEW.kind = 'pair' BEGIN
  INSERT INTO pair SELECT NEW.n, value->>0, value->>1, NEW.body->>'state', value->>2, value->>3
    FROM json_each(NEW.body, '$.items');
END;

-- Which report's data count, and what a later report asks for -------------------------------------------------------
CREATE TABLE protocol_report_rule ( -- [reports] prefer, in its order; empty: the order of db.which_report
  n INTEGER NOT NULL REFERENCES entry,
  rank INTEGER NOT NULL,
  rule TEXT NOT NULL,
  PRIMARY KEY (n, rank)
) STRICT, WITHOUT ROWID;
CREATE TABLE report_choice (        -- a person's word on a report of a study; 'open' and 'whole' take one back
  n INTEGER PRIMARY KEY REFERENCES entry,
  study TEXT NOT NULL,
  report TEXT NOT NULL,
  mark TEXT NOT NULL CHECK (mark IN ('counts', 'open', 'subset', 'whole')),
  outcome TEXT NOT NULL,            -- '' for 'subset' and 'whole': of the report, whatever the outcome
  cohort TEXT NOT NULL,
  why TEXT NOT NULL,
  CHECK ((mark IN ('counts', 'open')) = (outcome <> ''))
) STRICT;
CREATE INDEX report_choice_study ON report_choice (study, outcome);
CREATE TABLE reopen_cause (         -- a reopening for one report: it asks for that report's cells, and opens no others
  n INTEGER PRIMARY KEY REFERENCES entry,
  round TEXT NOT NULL UNIQUE,
  study TEXT NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE INDEX reopen_cause_report ON reopen_cause (report, study);
CREATE TABLE reopen_withdrawal (    -- the link was undone: what its reopening asked for is asked no longer
  n INTEGER PRIMARY KEY REFERENCES entry,
  round TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE INDEX reopen_withdrawal_round ON reopen_withdrawal (round);
CREATE TRIGGER entry_machine_chooses BEFORE INSERT ON entry
WHEN NEW.author LIKE 'machine:%' AND (NEW.kind = 'report_choice'
  OR NEW.kind = 'overlap' AND (NEW.body ->> 'keep' IS NOT NULL OR coalesce(NEW.body ->> 'ruling', 0)))
BEGIN SELECT RAISE(ABORT, 'a machine does not choose whose data count'); END;
CREATE TRIGGER entry_protocol_reports AFTER INSERT ON entry WHEN NEW.kind = 'protocol' BEGIN
  INSERT INTO protocol_report_rule SELECT NEW.n, key, value FROM json_each(NEW.body, '$.reports');
END;
CREATE TRIGGER entry_report_choice AFTER INSERT ON entry WHEN NEW.kind = 'report_choice' BEGIN
  INSERT INTO report_choice SELECT NEW.n, NEW.body->>'study', NEW.body->>'report', NEW.body->>'mark',
    NEW.body->>'outcome', NEW.body->>'cohort', NEW.body->>'why';
END;
CREATE TRIGGER entry_reopen_cause AFTER INSERT ON entry
WHEN NEW.kind = 'reopen' AND NEW.body ->> 'report' IS NOT NULL BEGIN
  INSERT INTO reopen_cause SELECT NEW.n, NEW.hash, NEW.body->>'subject', NEW.body->>'report';
END;
CREATE TRIGGER entry_reopen_withdrawal AFTER INSERT ON entry WHEN NEW.kind = 'reopen_withdrawal' BEGIN
  INSERT INTO reopen_withdrawal SELECT NEW.n, NEW.body->>'round', NEW.body->>'why';
END;
