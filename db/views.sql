-- Status is never stored: pending, conflict, included, awaiting are views over the rows.
-- The same text makes the permanent views (`seen` = every entry) and, as TEMP views over a TEMP `seen`, the state of
-- any published version: see db/asof.py. Order is (clock, hash), never wall time.
-- MATERIALIZED is not decoration: without it the planner scans the verdicts once for each record. A test reads the
-- query plans of all views: none may scan one subquery once for each row of another.

-- The protocol in force --------------------------------------------------------------------------------------------
CREATE VIEW v_protocol AS
SELECT p.* FROM protocol p CROSS JOIN seen e ON e.n = p.n ORDER BY e.clock DESC, e.hash DESC LIMIT 1;  -- p first

CREATE VIEW v_outcome AS
SELECT o.outcome, o.denominator, o.rank FROM protocol_outcome o JOIN v_protocol p ON p.n = o.n;

-- Records and reports ----------------------------------------------------------------------------------------------
-- Retrieval identifies nothing: a page opened for a known DOI has no first run, so it stands in no box of PRISMA,
-- unless a search finds the same record as well.
CREATE VIEW v_first_run AS          -- derived, never stored: two copies may each find a record first
SELECT f.record, u.id run, u.arm, e.clock
FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n
WHERE u.arm <> 'retrieval' AND NOT EXISTS (
  SELECT 1 FROM found g JOIN run w ON w.id = g.run JOIN seen d ON d.n = w.n
  WHERE g.record = f.record AND g.run <> f.run AND w.arm <> 'retrieval' AND (d.clock, d.hash) < (e.clock, e.hash));

CREATE VIEW v_content AS            -- what the source printed last
SELECT f.record, f.sha256, c.body
FROM found f JOIN run u ON u.id = f.run JOIN seen e ON e.n = u.n JOIN content c ON c.sha256 = f.sha256
WHERE NOT EXISTS (
  SELECT 1 FROM found g JOIN run w ON w.id = g.run JOIN seen d ON d.n = w.n
  WHERE g.record = f.record AND g.run <> f.run AND (d.clock, d.hash) > (e.clock, e.hash));

-- Machines propose, people decide: here and for removals, links and trials a person's last word outranks a machine's,
-- whenever the machine spoke.
CREATE VIEW v_assign AS
SELECT record, report, evidence, clock FROM (
  SELECT a.record, a.report, a.evidence, coalesce(a.since, e.clock) clock, row_number() OVER (PARTITION BY a.record
      ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
  FROM assign a JOIN seen e ON e.n = a.n)
WHERE k = 1 AND report <> record;

-- A report is named by its first record, so a record assigned to a report that was itself assigned elsewhere (two
-- copies of a review merged apart) is followed to the end of the chain; 32 hops: a longer chain is a violation.
-- Records assigned in a circle (each copy joined them the other way round) are one report, named by the least of them.
-- `since` is the clock of the last of these assignments: later votes on the report were given knowing of them.
CREATE VIEW v_report_of AS
WITH RECURSIVE a AS MATERIALIZED (SELECT record, report, clock FROM v_assign),
hop (record, report, depth, since) AS MATERIALIZED (
  SELECT record, report, 1, clock FROM a
  UNION ALL SELECT h.record, a.report, h.depth + 1, max(h.since, a.clock) FROM hop h JOIN a ON a.record = h.report
  WHERE h.depth < 32),
circle AS MATERIALIZED (
  SELECT record, min(report) report FROM hop WHERE record IN (SELECT record FROM hop WHERE report = record)
  GROUP BY record)
SELECT h.record, coalesce(c.report, h.report) report, h.since
FROM (SELECT record, report, since, max(depth) FROM hop GROUP BY record) h LEFT JOIN circle c ON c.record = h.report;

-- Pairs of records: the last word of the machines, and the last of people ('' once it was taken back).
CREATE VIEW v_pair AS
SELECT a, b, coalesce(max(iif(person, NULL, state)), '') found, coalesce(max(iif(person, NULL, score)), 0) score,
  coalesce(max(iif(person, NULL, evidence)), '') evidence, coalesce(max(iif(person, NULL, clock)), 0) since,
  replace(coalesce(max(iif(person, state, NULL)), ''), 'undone', '') decided,
  coalesce(max(iif(person AND state <> 'undone', author, NULL)), '') decider,
  coalesce(max(iif(person AND state <> 'undone', evidence, NULL)), '') why
FROM (
  SELECT p.*, p.state IN ('same', 'different', 'undone') person, e.author, e.clock, row_number() OVER (
      PARTITION BY p.a, p.b, p.state IN ('same', 'different', 'undone') ORDER BY e.clock DESC, e.hash DESC) k
  FROM pair p JOIN seen e ON e.n = p.n)
WHERE k = 1 GROUP BY a, b;

-- What people have to answer: of each two reports the surest pair proposed, unless somebody said that they differ;
-- and two that one person said to be one, another to differ (in two copies of the review).
CREATE VIEW v_pair_queue AS
WITH joined AS MATERIALIZED (SELECT record, report FROM v_report_of),
placed AS MATERIALIZED (
  SELECT p.*, coalesce(x.report, p.a) one, coalesce(y.report, p.b) other
  FROM v_pair p LEFT JOIN joined x ON x.record = p.a LEFT JOIN joined y ON y.record = p.b),
crossing AS MATERIALIZED (SELECT *, min(one, other) low, max(one, other) high FROM placed WHERE one <> other),
differ AS MATERIALIZED (SELECT low, high FROM crossing WHERE decided = 'different')
SELECT a, b, found, score, evidence, since, decided, decider, why, one, other FROM (
  SELECT *, row_number() OVER (PARTITION BY low, high ORDER BY decided = 'same' DESC, score DESC, a, b) k FROM crossing
  WHERE decided = 'same' OR found = 'proposed' AND (low, high) NOT IN (SELECT low, high FROM differ))
WHERE k = 1;

CREATE VIEW v_previous AS
SELECT DISTINCT coalesce(r.report, p.report) report, p.study
FROM previous p JOIN seen e ON e.n = p.n LEFT JOIN v_report_of r ON r.record = p.report;

CREATE VIEW v_removal AS
SELECT record, why FROM (
  SELECT m.record, m.why, row_number() OVER (PARTITION BY m.record
      ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
  FROM removal m JOIN seen e ON e.n = m.n)
WHERE k = 1 AND why <> 'restored';

-- Rounds, votes, verdicts ------------------------------------------------------------------------------------------
CREATE VIEW v_side_vote AS          -- the last vote of each reviewer in each round, on the report as it was named then
SELECT v.report, v.stage, v.round, v.reviewer, v.verdict, v.reason, v.note
FROM vote v JOIN seen e ON e.n = v.n
WHERE NOT EXISTS (
  SELECT 1 FROM vote w JOIN seen d ON d.n = w.n WHERE w.report = v.report AND w.stage = v.stage AND w.round = v.round
    AND w.reviewer = v.reviewer AND w.n <> v.n AND (d.clock, d.hash) > (e.clock, e.hash));

-- One row for each reviewer in each round of a report as it stands now. Who voted on both sides of two reports found
-- to be one is heard once: equal votes stand, different ones amount to "unsure", until a vote given since they were
-- joined replaces both.
CREATE VIEW v_vote AS
WITH joined AS MATERIALIZED (SELECT record, report, since FROM v_report_of)
SELECT report, stage, round, reviewer, verdict, reason, note FROM v_side_vote
WHERE verdict <> 'withdrawn' AND report NOT IN (SELECT report FROM joined UNION SELECT record FROM joined)
UNION ALL
SELECT now, stage, round, reviewer, iif(min(verdict) = max(verdict), verdict, 'unsure'),
  iif(min(verdict) = max(verdict), min(reason), NULL), min(note)
FROM (
  SELECT v.*, j.report now FROM joined j JOIN v_side_vote v ON v.report = j.record
  WHERE j.record = j.report OR NOT EXISTS (
    SELECT 1 FROM vote w JOIN seen d ON d.n = w.n WHERE w.report = j.report AND w.stage = v.stage
      AND w.round = v.round AND w.reviewer = v.reviewer AND d.clock > j.since)
  UNION ALL
  SELECT v.*, v.report FROM v_side_vote v
  WHERE v.report IN (SELECT report FROM joined) AND v.report NOT IN (SELECT record FROM joined))
WHERE verdict <> 'withdrawn' GROUP BY now, stage, round, reviewer;

-- Two different resolutions that met in a merge, of copies or of reports: `verdicts` > 1, a conflict again.
CREATE VIEW v_resolution AS
SELECT now report, stage, round, min(verdict) verdict, count(DISTINCT verdict) verdicts, min(reason) reason FROM (
  SELECT s.*, max(iif(report = now, clock, 0)) OVER (PARTITION BY now, stage, round, adjudicator) own FROM (
    SELECT s.*, e.clock, coalesce(r.report, s.report) now, coalesce(r.since, 0) since,
      row_number() OVER (PARTITION BY s.report, s.stage, s.round, s.adjudicator ORDER BY e.clock DESC, e.hash DESC) k
    FROM resolution s JOIN seen e ON e.n = s.n LEFT JOIN v_report_of r ON r.record = s.report) s
  WHERE k = 1)
WHERE report = now OR own <= since GROUP BY now, stage, round;

-- What the votes of each round amount to, as curation.verdicts.verdict_of has it. The first round is ''; `rank` orders
-- the rounds of a report as text: by clock, then by hash.
CREATE VIEW v_round_verdict AS
WITH p AS MATERIALIZED (SELECT * FROM v_protocol),
tally AS MATERIALIZED (
  SELECT v.report, v.stage, v.round, count(*) votes, min(v.verdict) low, max(v.verdict) high,
    min(coalesce(v.reason, '')) <> max(coalesce(v.reason, '')) reasons_differ, min(pr.rank) reason_rank,
    min(v.reason) reason
  FROM v_vote v LEFT JOIN protocol_reason pr ON pr.n = (SELECT n FROM p) AND pr.code = v.reason
  GROUP BY v.report, v.stage, v.round),
ruled AS MATERIALIZED (SELECT * FROM v_resolution),
joined AS MATERIALIZED (SELECT record, report FROM v_report_of),
rounds AS MATERIALIZED (            -- one that two reports found to be one made necessary counts while they are one
  SELECT coalesce(r.report, o.subject) report, o.stage, o.round, printf('%020d', e.clock) || o.round rank
  FROM reopen o JOIN seen e ON e.n = o.n LEFT JOIN joined r ON r.record = o.subject
    LEFT JOIN joined w ON w.record = o.other
  WHERE o.stage <> 'extraction'
    AND (o.other IS NULL OR coalesce(w.report, o.other) = coalesce(r.report, o.subject))
  UNION ALL SELECT report, stage, round, '' FROM tally WHERE round = ''
  UNION ALL SELECT report, stage, round, '' FROM ruled   -- no votes: they went with a record that was parted again
  WHERE round = '' AND (report, stage, round) NOT IN (SELECT report, stage, round FROM tally)),
judged AS (
  SELECT r.report, r.stage, r.round, r.rank, coalesce(t.votes, 0) votes, CASE
      WHEN s.verdicts = 1 THEN s.verdict
      WHEN s.verdicts > 1 THEN 'conflict'
      WHEN coalesce(t.votes, 0) < p.votes_needed THEN 'awaiting'
      WHEN t.high = 'exclude' THEN iif(p.reasons_must_agree AND t.reasons_differ, 'conflict', 'exclude')
      WHEN r.stage = 'title-abstract' AND p.title_abstract_rule = 'either' THEN 'include'
      WHEN t.low = 'include' AND t.high = 'include' THEN 'include'
      ELSE 'conflict' END verdict,
    iif(s.verdicts = 1, s.reason, coalesce(pr.code, t.reason)) reason
  FROM rounds r CROSS JOIN p
  LEFT JOIN tally t ON t.report = r.report AND t.stage = r.stage AND t.round = r.round
  LEFT JOIN ruled s ON s.report = r.report AND s.stage = r.stage AND s.round = r.round
  LEFT JOIN protocol_reason pr ON pr.n = p.n AND pr.rank = t.reason_rank)
SELECT report, stage, round, rank, verdict, iif(verdict = 'exclude', reason, NULL) reason, votes FROM judged;

CREATE VIEW v_open AS               -- the newest round of each report and stage, and where it stands
SELECT report, stage, round, verdict state, votes FROM (    -- SQLite takes the other columns from the row of the max
  SELECT report, stage, round, verdict, votes, max(rank) FROM v_round_verdict GROUP BY report, stage);

CREATE VIEW v_verdict AS            -- in force: the newest closed round; an open newer one does not undo it
SELECT report, stage, round, verdict, reason FROM (
  SELECT report, stage, round, verdict, reason, max(rank) FROM v_round_verdict
  WHERE verdict IN ('include', 'exclude') GROUP BY report, stage);

-- PRISMA: each record stands in exactly one box, and each report sought too -----------------------------------------
CREATE VIEW v_retrieval AS
SELECT report, got, route, sha256, file, licence, supplement, language, why FROM (
  SELECT coalesce(r.report, t.report) report, t.got, t.route, t.sha256, t.file, t.licence, t.supplement, t.language,
    t.why,
    row_number() OVER (PARTITION BY coalesce(r.report, t.report) ORDER BY e.clock DESC, e.hash DESC) k
  FROM retrieval t JOIN seen e ON e.n = t.n LEFT JOIN v_report_of r ON r.record = t.report)
WHERE k = 1;

CREATE VIEW v_awaiting AS           -- the last word on what a full text waits for
SELECT report, what, why FROM (
  SELECT coalesce(r.report, a.report) report, a.what, a.why,
    row_number() OVER (PARTITION BY coalesce(r.report, a.report) ORDER BY e.clock DESC, e.hash DESC) k
  FROM awaiting a JOIN seen e ON e.n = a.n LEFT JOIN v_report_of r ON r.record = a.report)
WHERE k = 1 AND what <> 'nothing';

CREATE VIEW v_contact AS            -- each question to the authors, with the last answer
SELECT report, asked_on, about, answer, author FROM (
  SELECT coalesce(r.report, c.report) report, c.asked_on, c.about, c.answer, e.author,
    row_number() OVER (PARTITION BY coalesce(r.report, c.report), c.asked_on, c.about
      ORDER BY e.clock DESC, e.hash DESC) k
  FROM contact c JOIN seen e ON e.n = c.n LEFT JOIN v_report_of r ON r.record = c.report)
WHERE k = 1;

CREATE VIEW v_record AS             -- `report_box` is the box of the report, on the one record that is sought for it
WITH retrieval AS MATERIALIZED (SELECT report, got FROM v_retrieval),
got AS MATERIALIZED (SELECT report FROM retrieval WHERE got),
not_got AS MATERIALIZED (SELECT report FROM retrieval WHERE NOT got),
waits AS MATERIALIZED (SELECT report, what FROM v_awaiting),
screened AS MATERIALIZED (
  SELECT report, max(iif(stage = 'title-abstract', verdict, NULL)) verdict,
    max(iif(stage = 'title-abstract', reason, NULL)) reason, max(iif(stage = 'full-text', verdict, NULL)) assessed,
    max(iif(stage = 'full-text', reason, NULL)) full_text_reason
  FROM v_verdict GROUP BY report),
known AS MATERIALIZED (SELECT report FROM v_previous),
x AS MATERIALIZED (
  SELECT f.record id, f.arm, iif(f.arm = 'previous', 'previous', iif(f.arm IN ('databases', 'registers'), 'databases',
    'other')) side, coalesce(ro.report, f.record) report, m.why, f.clock
  FROM v_first_run f LEFT JOIN v_report_of ro ON ro.record = f.record LEFT JOIN v_removal m ON m.record = f.record),
duplicate AS MATERIALIZED (         -- all but the kept record of a report: a database one first, then the earliest
  SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY report
      ORDER BY arm NOT IN ('databases', 'registers'), clock, id) k
    FROM x WHERE why IS NULL AND report IN (SELECT report FROM x WHERE report <> id))
  WHERE k > 1),
boxed AS MATERIALIZED (
  SELECT x.*, s.reason, s.assessed, s.full_text_reason, CASE
      WHEN x.arm = 'previous' THEN 'previous version'
      WHEN x.why IS NOT NULL THEN x.why
      WHEN x.report IN known THEN 'already in the previous version'
      WHEN x.id IN duplicate THEN 'duplicate'
      WHEN s.verdict IS NULL THEN 'awaiting screening'
      WHEN s.verdict = 'exclude' THEN 'excluded'
      ELSE 'sought' END box
  FROM x LEFT JOIN screened s ON s.report = x.report)
SELECT id, arm, side, report, box, CASE
    WHEN box <> 'sought' THEN NULL
    WHEN report IN got AND assessed = 'include' THEN 'included'
    WHEN report IN got AND assessed = 'exclude' THEN 'excluded'
    WHEN report IN (SELECT report FROM waits WHERE what = 'translation') THEN 'awaiting translation'
    WHEN report IN (SELECT report FROM waits) THEN 'awaiting classification'
    WHEN report IN not_got THEN 'not retrieved'
    WHEN report NOT IN got THEN 'awaiting retrieval'
    ELSE 'awaiting assessment' END report_box,
  CASE WHEN box = 'excluded' THEN reason WHEN box = 'sought' AND report IN got THEN full_text_reason END reason
FROM boxed;

CREATE VIEW v_report AS             -- the reports sought
SELECT report, arm, side, report_box box, reason FROM v_record WHERE box = 'sought';

-- Studies ----------------------------------------------------------------------------------------------------------
CREATE VIEW v_study AS
SELECT study, label, patients FROM (
  SELECT s.study, s.label, s.patients, row_number() OVER (PARTITION BY s.study ORDER BY e.clock DESC, e.hash DESC) k
  FROM study s JOIN seen e ON e.n = s.n)
WHERE k = 1;

CREATE VIEW v_link AS
SELECT report, study, state, evidence, author FROM (
  SELECT coalesce(r.report, l.report) report, l.study, l.state, l.evidence, e.author,
    row_number() OVER (PARTITION BY coalesce(r.report, l.report), l.study
      ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
  FROM link l JOIN seen e ON e.n = l.n LEFT JOIN v_report_of r ON r.record = l.report)
WHERE k = 1;

CREATE VIEW v_trial AS
SELECT trial, study, report FROM (
  SELECT t.*, row_number() OVER (PARTITION BY t.trial, t.study, t.report
      ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
  FROM trial_link t JOIN seen e ON e.n = t.n)
WHERE k = 1 AND state = 'linked';

-- New reports included at full text, and the previous version's unless excluded in a round that was opened for them:
-- the first round ('') can only hold votes on a record found later to be a duplicate of theirs, which decide nothing.
CREATE VIEW v_included AS
SELECT l.study, r.report, 0 previous FROM v_report r JOIN v_link l ON l.report = r.report AND l.state = 'linked'
WHERE r.box = 'included'
UNION
SELECT p.study, p.report, 1 FROM v_previous p
WHERE p.report NOT IN (SELECT report FROM v_verdict WHERE verdict = 'exclude' AND round <> '');

CREATE VIEW v_unlinked AS           -- included, but no person has yet said in which study: it awaits, and is in no pool
SELECT report FROM v_report WHERE box = 'included' AND report NOT IN (SELECT report FROM v_link WHERE state = 'linked');

-- Overlap is a relation between two studies. `said`: the last word of each person (of the machine, while no person
-- spoke). Two people who choose the same study to keep have chosen; two who differ are a conflict, and a ruling of the
-- adjudicator, while there is one, is the word that counts. Of differing certainties the strongest stands: that an
-- overlap is none takes everybody who said that there is one, or a ruling.
CREATE VIEW v_overlap_said AS
WITH word AS MATERIALIZED (
  SELECT * FROM (
    SELECT o.*, e.author, e.author LIKE 'machine:%' machine, row_number() OVER (
        PARTITION BY o.a, o.b, e.author, o.ruling ORDER BY e.clock DESC, e.hash DESC) k
    FROM overlap o JOIN seen e ON e.n = o.n)
  WHERE k = 1)
SELECT a, b, author, certainty, patients, keep, why, ruling FROM word w
WHERE NOT machine OR NOT EXISTS (SELECT 1 FROM word x WHERE x.a = w.a AND x.b = w.b AND NOT x.machine);

CREATE VIEW v_overlap AS
WITH said AS MATERIALIZED (
  SELECT s.*, CASE certainty WHEN 'none' THEN 0 WHEN 'possible' THEN 1 WHEN 'probable' THEN 2 ELSE 3 END strength
  FROM v_overlap_said s),
pair AS (
  SELECT a, b, count(DISTINCT iif(ruling, certainty || coalesce(keep, ''), NULL)) = 1 ruled,
    max(iif(ruling, strength, 0)) ruled_strength, max(iif(ruling, keep, NULL)) ruled_keep,
    max(iif(ruling, 0, strength)) strength, max(patients) patients,
    count(DISTINCT iif(ruling, NULL, keep)) keeps, count(iif(ruling, NULL, keep)) choosers,
    min(iif(ruling, NULL, keep)) kept
  FROM said GROUP BY a, b)
SELECT a, b, CASE iif(ruled, ruled_strength, strength) WHEN 1 THEN 'possible' WHEN 2 THEN 'probable' ELSE 'certain' END
    certainty, patients,
  CASE WHEN ruled THEN ruled_keep WHEN keeps = 1 AND choosers > 1 THEN kept END keep,
  CASE WHEN ruled AND ruled_keep IS NOT NULL THEN 'ruled' WHEN keeps > 1 THEN 'conflict'
    WHEN keeps = 1 AND choosers > 1 THEN 'decided' WHEN keeps = 1 THEN 'proposed' ELSE 'undecided' END state
FROM pair WHERE iif(ruled, ruled_strength, strength) > 0;

-- A person's last word on which report's data count, for each study, outcome and cohort; and which reports are of a part
-- of the study's patients.
CREATE VIEW v_report_choice AS
SELECT study, report, mark, outcome, cohort, why, author FROM (
  SELECT h.*, row_number() OVER (
      PARTITION BY study, outcome, cohort, iif(outcome = '', report, '') ORDER BY clock DESC, hash DESC) k
  FROM (SELECT c.study, coalesce(r.report, c.report) report, c.mark, c.outcome, c.cohort, c.why, e.author, e.clock,
      e.hash FROM report_choice c JOIN seen e ON e.n = c.n LEFT JOIN v_report_of r ON r.record = c.report) h)
WHERE k = 1 AND mark IN ('counts', 'subset');

CREATE VIEW v_reopen_cause AS       -- reopenings for a report that nobody withdrew
SELECT c.round, c.study, coalesce(r.report, c.report) report, o.why, e.clock
FROM reopen_cause c JOIN seen e ON e.n = c.n JOIN reopen o ON o.n = c.n LEFT JOIN v_report_of r ON r.record = c.report
WHERE NOT EXISTS (SELECT 1 FROM reopen_withdrawal w JOIN seen d ON d.n = w.n WHERE w.round = c.round);

-- Extraction: two extractors, blind to each other; what they agree on, or a resolution, closes a cell --------------
CREATE VIEW v_datum AS              -- the last value of each person for each cell, report and round; sides as in v_vote
SELECT * FROM (
  SELECT d.*, max(iif(report = now, clock, 0)) OVER (
      PARTITION BY study, cohort, outcome, timepoint, denominator, reading, now, round, origin, person) own FROM (
    SELECT d.*, iif(d.origin = 'previous', '', d.extractor) person, coalesce(r.report, d.report) now,
      coalesce(r.since, 0) since, e.clock, e.hash, row_number() OVER (
        PARTITION BY d.study, d.cohort, d.outcome, d.timepoint, d.denominator, d.reading, d.report, d.round, d.origin,
          iif(d.origin = 'previous', '', d.extractor)
        ORDER BY e.clock DESC, e.hash DESC) k
    FROM datum d JOIN seen e ON e.n = d.n LEFT JOIN v_report_of r ON r.record = d.report) d
  WHERE k = 1)
WHERE status <> 'withdrawn' AND (report = now OR own <= since);

CREATE VIEW v_cell AS               -- `kinds`, `rulings`: how many different values extractors and adjudicators gave
SELECT study, cohort, outcome, timepoint, denominator, reading, now report, round,
  count(DISTINCT iif(origin = 'resolved', value, NULL)) rulings,
  count(DISTINCT iif(origin = 'extracted', extractor, NULL)) extractors,
  count(DISTINCT iif(origin = 'extracted', value, NULL)) kinds
FROM (SELECT *, status || '/' || coalesce(events, '') || '/' || coalesce(total, '') || '/' || role value FROM v_datum)
WHERE origin <> 'previous'
GROUP BY study, cohort, outcome, timepoint, denominator, reading, now, round;

CREATE VIEW v_cell_state AS         -- two different rulings that met in a merge are a conflict again
SELECT c.*, CASE WHEN c.rulings = 1 THEN 'resolved' WHEN c.rulings > 1 THEN 'conflict'
  WHEN c.extractors < p.extractors THEN 'awaiting' WHEN c.kinds > 1 THEN 'conflict' ELSE 'agreed' END state,
  coalesce((SELECT e.clock FROM reopen o JOIN seen e ON e.n = o.n WHERE o.round = c.round), 0) rank
FROM v_cell c CROSS JOIN v_protocol p;

CREATE VIEW v_value AS              -- in force: the newest closed round of first-hand cells, and second-hand values
WITH given AS MATERIALIZED (SELECT * FROM v_datum),
closed AS MATERIALIZED (SELECT * FROM v_cell_state WHERE state IN ('resolved', 'agreed'))
SELECT study, cohort, outcome, timepoint, denominator, reading, report, role, status, events, total, place, source_kind,
  confidence, why, second_hand, data_cut FROM (
  SELECT d.study, d.cohort, d.outcome, d.timepoint, d.denominator, d.reading, d.now report, d.role, d.status, d.events,
    d.total, d.place, d.source_kind, d.confidence, d.why, 0 second_hand, d.data_cut,
    row_number() OVER (PARTITION BY d.study, d.cohort, d.outcome, d.timepoint, d.denominator, d.reading, d.now
      ORDER BY c.rank DESC, c.round DESC, d.origin = 'resolved' DESC, d.clock DESC, d.hash DESC) k
  FROM given d JOIN closed c ON c.study = d.study AND c.cohort = d.cohort AND c.outcome = d.outcome
    AND c.timepoint = d.timepoint AND c.denominator = d.denominator AND c.reading = d.reading AND c.report = d.now
    AND c.round = d.round
  WHERE d.origin <> 'previous')
WHERE k = 1
UNION ALL
SELECT study, cohort, outcome, timepoint, denominator, reading, now, role, status, events, total, place, source_kind,
  confidence, why, 1, data_cut FROM given WHERE origin = 'previous';

-- Facts: the fields of the data dictionary, by the rules of data: two extractors, what they agree on or a resolution ----
CREATE VIEW v_fact_given AS         -- the last value of each person for each cell, report and round
SELECT * FROM (
  SELECT f.*, coalesce(r.report, f.report) now, e.clock, e.hash, row_number() OVER (
      PARTITION BY f.study, f.cohort, f.field, f.row, coalesce(r.report, f.report), f.round, f.origin,
        iif(f.origin = 'previous', '', f.extractor)
      ORDER BY e.clock DESC, e.hash DESC) k
  FROM fact f JOIN seen e ON e.n = f.n LEFT JOIN v_report_of r ON r.record = f.report)
WHERE k = 1 AND status <> 'withdrawn';

CREATE VIEW v_fact_state AS
SELECT c.study, c.cohort, c.field, c.row, c.report, c.round, CASE WHEN c.rulings = 1 THEN 'resolved'
    WHEN c.rulings > 1 THEN 'conflict' WHEN c.extractors < p.extractors THEN 'awaiting'
    WHEN c.alike OR c.kinds = 1 THEN 'agreed' ELSE 'conflict' END state,
  coalesce((SELECT e.clock FROM reopen o JOIN seen e ON e.n = o.n WHERE o.round = c.round), 0) rank
FROM (
  SELECT study, cohort, field, row, now report, round,
    count(DISTINCT iif(origin = 'resolved', status || '/' || value, NULL)) rulings,
    count(DISTINCT iif(origin = 'extracted', extractor, NULL)) extractors,
    count(DISTINCT iif(origin = 'extracted', status || '/' || value, NULL)) kinds,
    count(DISTINCT iif(origin = 'extracted', status, NULL)) = 1 AND (
      min(iif(origin = 'extracted', any_agrees, 1))
      OR count(iif(origin = 'extracted', number, NULL)) = sum(origin = 'extracted') AND sum(origin = 'extracted') > 0
        AND max(iif(origin = 'extracted', number, NULL)) - min(iif(origin = 'extracted', number, NULL))
          <= max(tolerance) + 1e-9) alike  -- 27.05 less 27.0 is more than .05 by a rounding error
  FROM v_fact_given WHERE origin <> 'previous' GROUP BY study, cohort, field, row, now, round) c
CROSS JOIN v_protocol p;

CREATE VIEW v_fact AS               -- in force: of the newest closed round (the first extractor's words), and second-hand
WITH given AS MATERIALIZED (SELECT * FROM v_fact_given),
closed AS MATERIALIZED (SELECT * FROM v_fact_state WHERE state IN ('resolved', 'agreed'))
SELECT study, cohort, field, row, report, status, value, place, source_kind, second_hand, clock, hash FROM (
  SELECT g.study, g.cohort, g.field, g.row, g.now report, g.status, g.value, g.place, g.source_kind, 0 second_hand,
    g.clock, g.hash, row_number() OVER (PARTITION BY g.study, g.cohort, g.field, g.row, g.now
      ORDER BY c.rank DESC, c.round DESC, g.origin = 'resolved' DESC, g.clock, g.hash) k
  FROM given g JOIN closed c ON c.study = g.study AND c.cohort = g.cohort AND c.field = g.field AND c.row = g.row
    AND c.report = g.now AND c.round = g.round
  WHERE g.origin <> 'previous')
WHERE k = 1
UNION ALL SELECT study, cohort, field, row, now, status, value, place, source_kind, 1, clock, hash
FROM given WHERE origin = 'previous';

-- What may be pooled: the primary values in force of each included study's reports, of any cohort. Which of them counts
-- is db.which_report's to say, by the protocol's order and people's choices. A first-hand value replaces the
-- second-hand one of the same report.
CREATE VIEW v_candidate AS
WITH linked AS MATERIALIZED (SELECT DISTINCT study, report FROM v_included),
value AS MATERIALIZED (SELECT * FROM v_value WHERE role = 'primary'),
first_hand AS MATERIALIZED (
  SELECT study, cohort, outcome, denominator, report FROM value WHERE NOT second_hand),
dated AS MATERIALIZED (             -- the data cut-off of a report, where the value itself has none (dictionary: data_cut)
  SELECT study, report, max(value) value FROM v_fact WHERE field = 'data_cut' AND status = 'reported'
  GROUP BY study, report)
SELECT outcome, denominator, study, cohort, status, events, total, report, timepoint, reading, second_hand, source_kind,
  coalesce(body ->> '$.date', CAST(body ->> '$.year' AS TEXT), '') printed, data_cut,
  coalesce(body ->> '$.publication_types', '[]') types
FROM (
  SELECT v.study, v.cohort, v.outcome, v.denominator, v.status, v.events, v.total, v.report, v.timepoint, v.reading,
    v.second_hand, v.source_kind, (SELECT c.body FROM v_content c WHERE c.record = v.report) body,
    coalesce(nullif(v.data_cut, ''),
      (SELECT d.value FROM dated d WHERE d.study = v.study AND d.report = v.report), '') data_cut
  FROM value v
  WHERE (v.study, v.report) IN linked
    AND NOT (v.second_hand AND (v.study, v.cohort, v.outcome, v.denominator, v.report) IN first_hand));

CREATE VIEW v_registration AS       -- what a register printed last of a trial
SELECT trial, source, facts FROM (
  SELECT g.trial, g.source, g.facts, row_number() OVER (PARTITION BY g.trial ORDER BY e.clock DESC, e.hash DESC) k
  FROM registration g JOIN seen e ON e.n = g.n)
WHERE k = 1;

CREATE VIEW v_version AS
SELECT v.n, v.number, v.reason, e.at, v.heads, v.frozen, e.clock, e.hash, e.author
FROM version v JOIN seen e ON e.n = v.n;

-- Sums balance because each row has one box; what can still be wrong is named here, and must be nothing -------------
CREATE VIEW v_violation AS
WITH r AS MATERIALIZED (SELECT * FROM v_record),
hop AS MATERIALIZED (SELECT record, report FROM v_report_of),
value AS MATERIALIZED (SELECT * FROM v_value WHERE role = 'primary')
SELECT 'two kept records in one report' what, report subject FROM r
  WHERE box IN ('awaiting screening', 'excluded', 'sought') GROUP BY report HAVING count(*) > 1
UNION ALL SELECT 'report without a kept record', report FROM r GROUP BY report
  HAVING sum(box = 'duplicate') > 0 AND sum(box IN ('awaiting screening', 'excluded', 'sought')) = 0
UNION ALL SELECT 'record assigned through more than 32 others', record FROM hop
  WHERE report IN (SELECT record FROM hop WHERE report <> record)
UNION ALL SELECT 'report named by no record', report FROM hop WHERE report NOT IN (SELECT id FROM record)
UNION ALL SELECT 'excluded without a reason', report FROM r WHERE report_box = 'excluded' AND reason IS NULL
UNION ALL SELECT 'judgement of a report that is not there', report FROM (
    SELECT n, report FROM vote UNION ALL SELECT n, report FROM resolution UNION ALL SELECT n, report FROM retrieval
    UNION ALL SELECT n, report FROM awaiting UNION ALL SELECT n, report FROM contact
    UNION ALL SELECT n, report FROM link UNION ALL SELECT n, subject FROM reopen WHERE stage <> 'extraction') j
  JOIN seen e ON e.n = j.n WHERE j.report NOT IN (SELECT id FROM record)
UNION ALL SELECT 'resolution by one of the voters', s.report FROM resolution s JOIN seen e ON e.n = s.n
  WHERE (s.report, s.stage, s.round, s.adjudicator) IN (
    SELECT report, stage, round, reviewer FROM v_side_vote WHERE verdict <> 'withdrawn')
UNION ALL SELECT 'judgement of a study that is not there', study FROM (
    SELECT n, study FROM link UNION ALL SELECT n, study FROM cohort UNION ALL SELECT n, study FROM fact
    UNION ALL SELECT n, study FROM datum UNION ALL SELECT n, a FROM overlap UNION ALL SELECT n, b FROM overlap
    UNION ALL SELECT n, study FROM report_choice) j
  JOIN seen e ON e.n = j.n WHERE j.study NOT IN (SELECT study FROM v_study)
UNION ALL SELECT 'more than one primary reading', study || ' ' || outcome || ' ' || denominator || ' ' || report
  FROM value GROUP BY study, cohort, outcome, timepoint, denominator, report, second_hand HAVING count(*) > 1
UNION ALL SELECT 'record without content', id FROM record WHERE id NOT IN (SELECT record FROM found);
