-- Views, for people who query the file themselves. They only ever gain columns.
-- They hold nothing, so they are made anew with the newest migration: a change
-- here takes a migration with the next number, be it an empty one.

-- v_runs: one row for each run that a sweep planned. A sweep that was changed and
-- planned again has a row for each plan of a run; latest picks the newest.
DROP VIEW IF EXISTS v_runs;
CREATE VIEW v_runs AS
SELECT
  s.id                                  AS sweep_id,
  s.name                                AS sweep,
  p.position                            AS position,        -- order in the sweep, baselines first
  r.key                                 AS run,             -- train key, or the baseline's key
  p.kind                                AS kind,            -- train or evaluate
  p.name                                AS name,            -- of a baseline
  (SELECT json_group_object(json_extract(value, '$.axis'), json_extract(value, '$.label'))
     FROM json_each(p.axes) c WHERE c.type = 'object') AS axes, -- JSON object, axis to choice; {} for a baseline
  CASE
    WHEN r.outcome = 'finished' THEN 'done'
    WHEN EXISTS (SELECT 1 FROM leases l WHERE l.run = r.key
                 AND l.until > (julianday('now') - 2440587.5) * 86400000.0) THEN 'running'
    WHEN r.outcome = 'started' THEN 'resumable'
    ELSE r.outcome
  END                                   AS state,           -- new, running, resumable, failed or done
  r.attempts                            AS attempts,
  a.chosen_epoch                        AS chosen_epoch,
  a.adapter                             AS adapter,         -- identity of the chosen adapter
  a.tokens                              AS tokens,          -- trained on
  a.seconds                             AS seconds,
  a.error                               AS error,
  p.base                                AS base,            -- digests
  p.numerics                            AS numerics,
  p.train_set                           AS train_set,
  p.validation_set                      AS validation_set,
  p.test_set                            AS test_set,
  p.evaluation                          AS evaluation,
  json_extract(coalesce(a.git, s.git), '$.commit') AS git_commit, -- of the attempt that made the result;
  json_extract(coalesce(a.git, s.git), '$.branch') AS git_branch, -- before the first attempt, of the plan
  json_extract(coalesce(a.git, s.git), '$.dirty')  AS git_dirty,  -- 0 or 1
  s.time                                AS planned_at,
  a.started                             AS started_at,
  a.ended                               AS ended_at,
  p.spec                                AS spec,            -- canonical JSON
  s.id = (SELECT max(n.id) FROM sweeps n WHERE n.name = s.name) AS latest, -- 1 in the newest plan of that name
  coalesce(a.unauthenticated, 0)        AS unauthenticated -- 1: of that attempt, a journal that nobody signed is all there is
FROM planned_runs p
JOIN sweeps s ON s.id = p.sweep
JOIN runs r ON r.id = p.run
LEFT JOIN attempts a ON a.run = r.id AND a.number = coalesce(r.result, r.attempts);

-- v_metrics: one row for each aggregate of each evaluation. num/den is what the
-- aggregate was made from.
DROP VIEW IF EXISTS v_metrics;
CREATE VIEW v_metrics AS
SELECT
  r.key            AS run,
  r.kind           AS kind,
  e.id             AS evaluation_id,
  e.attempt        AS attempt,        -- 0 if scored later from kept predictions
  e.subject        AS subject,        -- adapter or base
  e.baseline       AS baseline,
  e.epoch          AS epoch,          -- 0 for a base
  coalesce(e.epoch = a.chosen_epoch, 0) AS chosen, -- 1 for the epoch that was chosen, and for a base
  e.split          AS split,          -- validation or test
  e.set_digest     AS set_digest,
  e.evaluation     AS evaluation,     -- digest of the settings that made the predictions
  e.records        AS records,
  m.metric         AS metric,
  m.version        AS metric_version,
  m.by_field       AS by_field,       -- '' for the whole set
  m.tag            AS tag,
  m.value          AS value,
  m.num            AS num,
  m.den            AS den,
  e.time           AS evaluated_at
FROM metric_values m
JOIN evaluations e ON e.id = m.evaluation
JOIN runs r ON r.id = e.run
LEFT JOIN attempts a ON a.run = r.id AND a.number = r.result;

-- v_adapters: one row for each published version.
DROP VIEW IF EXISTS v_adapters;
CREATE VIEW v_adapters AS
SELECT
  d.sweep          AS sweep,
  d.version        AS version,
  d.digest         AS digest,         -- of adapter_model.safetensors and adapter_config.json
  d.run            AS run,
  d.epoch          AS epoch,
  d.path           AS path,
  d.bytes          AS bytes,
  d.time           AS published_at,
  (SELECT group_concat(alias, ',') FROM (SELECT alias FROM aliases x
     WHERE x.sweep = d.sweep AND x.version = d.version ORDER BY alias)) AS aliases
FROM adapters d;
