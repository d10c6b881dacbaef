PRAGMA user_version = 1; PRAGMA application_id = 1147238754;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE entries (
  seq     INTEGER PRIMARY KEY,  -- from 1, without gaps
  time    TEXT    NOT NULL,
  type    TEXT    NOT NULL,
  version INTEGER NOT NULL,     -- of the body's schema
  body    TEXT    NOT NULL      -- JSON
) STRICT;
INSERT INTO entries VALUES(1,'2026-03-01T12:00:00Z','dataset',1,'{"digest":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","path":"data/notes.jsonl","bytes":1234,"records":50,"root":"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"}');
INSERT INTO entries VALUES(2,'2026-03-01T12:00:00Z','set',1,'{"digest":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","role":"train","records":2,"tokens":201,"truncated":1,"list":"9adb8eeca420a237f29e50bf3322e4991a2630ce56c399d344e5802b3ec69a8a"}');
INSERT INTO entries VALUES(3,'2026-03-01T12:00:00Z','set',1,'{"digest":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","role":"validation","records":2,"tokens":201,"truncated":1,"list":"92d2f1dc4540d7e5790a491481b449e898ac2a62b5d96a651148910703d58c7e"}');
INSERT INTO entries VALUES(4,'2026-03-01T12:00:00Z','set',1,'{"digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","role":"test","records":2,"tokens":201,"truncated":1,"list":"4123a4dd625fe72206d73938a3749d919b2d82de1c53777449eefe8664c541ba"}');
INSERT INTO entries VALUES(5,'2026-03-01T12:00:00Z','sweep',1,'{"id":1,"name":"clinical","path":"experiments/clinical/sweep.jsonnet","digest":"dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784","sources":[{"path":"sweep.jsonnet","digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"}],"args":{"ext":{"a":"<b>"}},"axes":[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}],"data":{"source":"","digest":"","records":0,"pool":0,"validation":5,"test":5,"withheld":0,"duplicates":0,"group_by":"","groups":0},"settings":{"select":"loss"},"planned":[{"key":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","kind":"evaluate","name":"zero_shot","position":0,"axes":null,"spec":{},"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","numerics":"cpu/f32/1","train_set":"","validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","against":"","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","truncated":0},{"key":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","kind":"train","name":"","position":1,"axes":[{"axis":"rank","label":"4"},{"axis":"seed","label":"0"}],"spec":{"seed":0,"x":"a&b"},"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","numerics":"cpu/f32/1","train_set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","against":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","truncated":0}],"git":{"commit":"c0ffee","branch":"main","dirty":true,"files":["a.txt"],"remote":""},"environment":{"go":"go1.26"},"time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(6,'2026-03-01T12:00:00Z','attempt',1,'{"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","number":1,"kind":"evaluate","sweep":1,"dir":".daybook/runs/baseline/0001","worker":"","git":{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""},"environment":null}');
INSERT INTO entries VALUES(7,'2026-03-01T12:00:00Z','started',1,'{"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","attempt":1,"prev":"","events":[{"seq":1,"digest":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","time":"2026-03-01T12:00:01Z","type":"started","version":1,"body":{"kind":"evaluate","worker":"","numerics":"","device":null,"engine":null}}]}');
INSERT INTO entries VALUES(8,'2026-03-01T12:00:00Z','evaluated',1,'{"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","attempt":1,"prev":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","events":[{"seq":2,"digest":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","time":"2026-03-01T12:00:02Z","type":"evaluated","version":1,"body":{"subject":"base","baseline":"zero_shot","epoch":0,"split":"validation","set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","prediction_key":"77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a","metrics":[{"metric":"metric0","version":1,"value":0.75,"num":0.75,"den":1},{"metric":"metric0","version":1,"by":"quality","tag":"clean","value":null,"num":0,"den":0}],"scores":[{"metric":"metric0","version":1,"num":[0.5,0.25],"den":[0,1]}],"seconds":1.5,"count":2,"list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79"}}]}');
INSERT INTO entries VALUES(9,'2026-03-01T12:00:00Z','evaluated',1,'{"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","attempt":1,"prev":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","events":[{"seq":3,"digest":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","time":"2026-03-01T12:00:03Z","type":"evaluated","version":1,"body":{"subject":"base","baseline":"zero_shot","epoch":0,"split":"test","set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","prediction_key":"38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1","metrics":[{"metric":"metric0","version":1,"value":0.75,"num":0.75,"den":1},{"metric":"metric0","version":1,"by":"quality","tag":"clean","value":null,"num":0,"den":0}],"scores":[{"metric":"metric0","version":1,"num":[0.5,0.25],"den":[0,1]}],"seconds":1.5,"count":2,"list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd"}}]}');
INSERT INTO entries VALUES(10,'2026-03-01T12:00:00Z','finished',1,'{"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","attempt":1,"prev":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","events":[{"seq":4,"digest":"7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e","time":"2026-03-01T12:00:04Z","type":"finished","version":1,"body":{"seconds":2}}]}');
INSERT INTO entries VALUES(11,'2026-03-01T12:00:00Z','attempt',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","number":1,"kind":"train","sweep":1,"dir":".daybook/runs/0/0001","worker":"w","git":{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""},"environment":null}');
INSERT INTO entries VALUES(12,'2026-03-01T12:00:00Z','started',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"","events":[{"seq":1,"digest":"91991fc5ab0aafac1737d112347004eee7d81f604ecec28467543bab87d99985","time":"2026-03-01T12:00:01Z","type":"started","version":1,"body":{"kind":"train","worker":"w1","numerics":"cpu/f32/1","device":{"name":"cpu"},"engine":{"go":"go1.26"},"steps":2,"parameters":1000,"eight_bit":600}}]}');
INSERT INTO entries VALUES(13,'2026-03-01T12:00:00Z','steps',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"91991fc5ab0aafac1737d112347004eee7d81f604ecec28467543bab87d99985","events":[{"seq":2,"digest":"13c0923acf2573f9091863a84fe82cf3d8aeccb4beb32e46ee2503e7a99941b3","time":"2026-03-01T12:00:02Z","type":"step","version":1,"body":{"step":1,"epoch":1,"loss":2,"learning_rate":0.001,"grad_norm":0.5,"tokens":512,"targets":100,"seconds":0.25}},{"seq":3,"digest":"91cd62c2a22284e60ad2e8f4793617bd879d7061611ff0f4c3c1eff6b93aa7c1","time":"2026-03-01T12:00:03Z","type":"step","version":1,"body":{"step":2,"epoch":1,"loss":1,"learning_rate":0.001,"grad_norm":0.5,"tokens":512,"targets":100,"seconds":0.25}}]}');
INSERT INTO entries VALUES(14,'2026-03-01T12:00:00Z','evaluated',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"91cd62c2a22284e60ad2e8f4793617bd879d7061611ff0f4c3c1eff6b93aa7c1","events":[{"seq":4,"digest":"11732405f1e5de9e8cfc55c0b19e181bc1b58e6c7ce7b67868c19a89875c5a10","time":"2026-03-01T12:00:04Z","type":"evaluated","version":1,"body":{"subject":"adapter","baseline":"","epoch":1,"split":"validation","set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","prediction_key":"4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f","metrics":[{"metric":"metric0","version":1,"value":1.5,"num":1.5,"den":1},{"metric":"metric0","version":1,"by":"quality","tag":"clean","value":null,"num":0,"den":0}],"scores":[{"metric":"metric0","version":1,"num":[1,0.5],"den":[0,1]}],"seconds":1.5,"count":2,"list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79"}}]}');
INSERT INTO entries VALUES(15,'2026-03-01T12:00:00Z','epoch',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"11732405f1e5de9e8cfc55c0b19e181bc1b58e6c7ce7b67868c19a89875c5a10","events":[{"seq":5,"digest":"77d74ea5d19184332dc55bc6e34971b1b3aa0510918adb6aa9e1120854f551e8","time":"2026-03-01T12:00:05Z","type":"epoch","version":1,"body":{"epoch":1,"train_loss":1,"selected":1,"best":true,"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","path":"epochs/1","seconds":1}}]}');
INSERT INTO entries VALUES(16,'2026-03-01T12:00:00Z','checkpoint',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"77d74ea5d19184332dc55bc6e34971b1b3aa0510918adb6aa9e1120854f551e8","events":[{"seq":6,"digest":"103aa6cb5437c3c8f150189fd70b50d392f5e5179008918f6c7eb7274499687a","time":"2026-03-01T12:00:06Z","type":"checkpoint","version":1,"body":{"step":2,"path":"checkpoints/1"}}]}');
INSERT INTO entries VALUES(17,'2026-03-01T12:00:00Z','evaluated',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"103aa6cb5437c3c8f150189fd70b50d392f5e5179008918f6c7eb7274499687a","events":[{"seq":7,"digest":"547c768fce92a8c5d13160551adffc2020ae6a2ea5b97a566bc0aa179dc7e1ba","time":"2026-03-01T12:00:07Z","type":"evaluated","version":1,"body":{"subject":"adapter","baseline":"","epoch":1,"split":"test","set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","prediction_key":"0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed","metrics":[{"metric":"metric0","version":1,"value":0,"num":0,"den":1},{"metric":"metric0","version":1,"by":"quality","tag":"clean","value":null,"num":0,"den":0}],"scores":[{"metric":"metric0","version":1,"num":[0,0],"den":[0,1]}],"seconds":1.5,"count":2,"list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd"}}]}');
INSERT INTO entries VALUES(18,'2026-03-01T12:00:00Z','finished',1,'{"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","attempt":1,"prev":"547c768fce92a8c5d13160551adffc2020ae6a2ea5b97a566bc0aa179dc7e1ba","events":[{"seq":8,"digest":"fe3d3c2444855c9b8ba2ae3db4d413c4345fdb8a16a6640f53b06d2d5a51f924","time":"2026-03-01T12:00:08Z","type":"finished","version":1,"body":{"chosen_epoch":1,"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","path":"epochs/1","steps":2,"tokens":4096,"seconds":9}}]}');
INSERT INTO entries VALUES(19,'2026-03-01T12:00:00Z','adapter',1,'{"digest":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","epoch":1,"sweep":"clinical","version":1,"path":"adapters/clinical/v0001","bytes":4096,"time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(20,'2026-03-01T12:00:00Z','alias',1,'{"sweep":"clinical","alias":"best","version":1,"time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(21,'2026-03-01T12:00:00Z','attempt',1,'{"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","number":1,"kind":"train","sweep":0,"dir":"","worker":"","git":{"commit":"","branch":"","dirty":false,"files":null,"remote":""},"environment":{"a":"2","z":"1"}}');
INSERT INTO entries VALUES(22,'2026-03-01T12:00:00Z','started',1,'{"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","attempt":1,"prev":"","events":[{"seq":1,"digest":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","time":"2026-03-01T12:00:01Z","type":"started","version":1,"body":{"kind":"train","worker":"","numerics":"","device":null,"engine":null}}]}');
INSERT INTO entries VALUES(23,'2026-03-01T12:00:00Z','steps',1,'{"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","attempt":1,"prev":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","events":[{"seq":2,"digest":"994a88675f7e9bd0a09de9e4072050d4131f97b25544fa4671c1e99224ccab16","time":"2026-03-01T12:00:02Z","type":"step","version":1,"body":{"step":1,"epoch":0,"loss":0,"learning_rate":0,"grad_norm":0,"tokens":0,"targets":0,"seconds":0}}]}');
INSERT INTO entries VALUES(24,'2026-03-01T12:00:00Z','failed',1,'{"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","attempt":1,"prev":"994a88675f7e9bd0a09de9e4072050d4131f97b25544fa4671c1e99224ccab16","events":[{"seq":3,"digest":"0f2b471dc7ca89fe39665d8abc3b422180861dc6ee04647e5ff81243813dbe3e","time":"2026-03-01T12:00:03Z","type":"failed","version":1,"body":{"error":"NaN"}}]}');
CREATE TABLE datasets (
  digest  TEXT    PRIMARY KEY,  -- of the file's bytes
  path    TEXT    NOT NULL,
  bytes   INTEGER NOT NULL,
  records INTEGER NOT NULL,
  root    TEXT    NOT NULL,     -- Merkle root over record IDs in file order
  entry   INTEGER NOT NULL
) STRICT;
INSERT INTO datasets VALUES('b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','data/notes.jsonl',1234,50,'4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2',1);
CREATE TABLE sets (
  id        INTEGER PRIMARY KEY,
  digest    TEXT    NOT NULL,   -- Merkle root over example IDs in order
  dataset   TEXT    NOT NULL,
  role      TEXT    NOT NULL,   -- train, validation or test
  records   INTEGER NOT NULL,
  tokens    INTEGER NOT NULL,
  truncated INTEGER NOT NULL,   -- records cut to the run's length
  list      TEXT    NOT NULL,   -- digest of the identifiers in the index
  entry     INTEGER NOT NULL,
  UNIQUE (digest, role, dataset)
) STRICT;
INSERT INTO sets VALUES(1,'116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','train',2,201,1,'9adb8eeca420a237f29e50bf3322e4991a2630ce56c399d344e5802b3ec69a8a',2);
INSERT INTO sets VALUES(2,'98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','validation',2,201,1,'92d2f1dc4540d7e5790a491481b449e898ac2a62b5d96a651148910703d58c7e',3);
INSERT INTO sets VALUES(3,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','test',2,201,1,'4123a4dd625fe72206d73938a3749d919b2d82de1c53777449eefe8664c541ba',4);
CREATE TABLE sweeps (
  id          INTEGER PRIMARY KEY,
  name        TEXT    NOT NULL,
  path        TEXT    NOT NULL,
  digest      TEXT    NOT NULL,
  sources     TEXT    NOT NULL, -- JSON, as are the next five
  args        TEXT    NOT NULL,
  axes        TEXT    NOT NULL,
  data        TEXT    NOT NULL,
  settings    TEXT    NOT NULL,
  git         TEXT    NOT NULL,
  environment TEXT    NOT NULL,
  planned     INTEGER NOT NULL, -- runs
  identity    TEXT    NOT NULL, -- digest of the fact without its time
  time        TEXT    NOT NULL,
  entry       INTEGER NOT NULL
) STRICT;
INSERT INTO sweeps VALUES(1,'clinical','experiments/clinical/sweep.jsonnet','dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784','[{"path":"sweep.jsonnet","digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"}]','{"ext":{"a":"<b>"}}','[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}]','{"source":"","digest":"","records":0,"pool":0,"validation":5,"test":5,"withheld":0,"duplicates":0,"group_by":"","groups":0}','{"select":"loss"}','{"commit":"c0ffee","branch":"main","dirty":true,"files":["a.txt"],"remote":""}','{"go":"go1.26"}',2,'7d06702a8e0764e31739efb16883bb101e315965b7577a7ee410bfcc40aca91a','2026-03-01T12:00:00Z',5);
CREATE TABLE runs (
  id             INTEGER PRIMARY KEY,
  key            TEXT    NOT NULL UNIQUE,
  kind           TEXT    NOT NULL,
  outcome        TEXT    NOT NULL,            -- new, started, failed or finished; see v_runs for states
  attempts       INTEGER NOT NULL DEFAULT 0,
  result         INTEGER,                     -- number of the newest attempt that finished
  sweep          INTEGER NOT NULL DEFAULT 0,  -- newest sweep that planned it, and where in it
  position       INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO runs VALUES(1,'8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24','evaluate','finished',1,1,1,0);
INSERT INTO runs VALUES(2,'c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0','train','finished',1,1,1,1);
INSERT INTO runs VALUES(3,'d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa','train','failed',1,NULL,0,0);
CREATE TABLE planned_runs (
  sweep          INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  run            INTEGER NOT NULL REFERENCES runs (id),
  kind           TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  axes           TEXT    NOT NULL, -- JSON
  spec           TEXT    NOT NULL, -- JSON
  base           TEXT    NOT NULL,
  numerics       TEXT    NOT NULL,
  train_set      TEXT    NOT NULL,
  validation_set TEXT    NOT NULL,
  test_set       TEXT    NOT NULL,
  against        TEXT    NOT NULL,
  evaluation     TEXT    NOT NULL,
  truncated      INTEGER NOT NULL,
  PRIMARY KEY (sweep, position)
) STRICT, WITHOUT ROWID;
INSERT INTO planned_runs VALUES(1,0,1,'evaluate','zero_shot','null','{}','cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2','cpu/f32/1','','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271',0);
INSERT INTO planned_runs VALUES(1,1,2,'train','','[{"axis":"rank","label":"4"},{"axis":"seed","label":"0"}]','{"seed":0,"x":"a&b"}','cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2','cpu/f32/1','116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271',0);
CREATE TABLE attempts (
  id              INTEGER PRIMARY KEY,
  run             INTEGER NOT NULL REFERENCES runs (id),
  number          INTEGER NOT NULL,
  kind            TEXT    NOT NULL,
  sweep           INTEGER NOT NULL,
  dir             TEXT    NOT NULL,
  worker          TEXT    NOT NULL,
  git             TEXT    NOT NULL,             -- JSON
  environment     TEXT    NOT NULL,             -- JSON
  begun           TEXT    NOT NULL,
  last_seq        INTEGER NOT NULL DEFAULT 0,   -- of its journal
  last_digest     TEXT    NOT NULL DEFAULT '',
  started         TEXT    NOT NULL DEFAULT '',  -- what follows is from the journal
  ended           TEXT    NOT NULL DEFAULT '',
  outcome         TEXT    NOT NULL DEFAULT 'started', -- started, interrupted, failed or finished
  numerics        TEXT    NOT NULL DEFAULT '',
  device          TEXT    NOT NULL DEFAULT '{}',
  engine          TEXT    NOT NULL DEFAULT '{}',
  resumed_from    TEXT    NOT NULL DEFAULT '',
  resumed_step    INTEGER NOT NULL DEFAULT 0,
  planned_steps   INTEGER NOT NULL DEFAULT 0,
  parameters      INTEGER NOT NULL DEFAULT 0,
  eight_bit       INTEGER NOT NULL DEFAULT 0,
  step            INTEGER NOT NULL DEFAULT 0,   -- last one reported
  checkpoint_step INTEGER NOT NULL DEFAULT 0,
  checkpoint_path TEXT    NOT NULL DEFAULT '',  -- relative to dir; '' if there is none
  chosen_epoch    INTEGER NOT NULL DEFAULT 0,
  adapter         TEXT    NOT NULL DEFAULT '',
  adapter_path    TEXT    NOT NULL DEFAULT '',  -- relative to dir
  tokens          INTEGER NOT NULL DEFAULT 0,
  seconds         REAL    NOT NULL DEFAULT 0,
  stopped         TEXT    NOT NULL DEFAULT '',
  error           TEXT    NOT NULL DEFAULT '',
  hint            TEXT    NOT NULL DEFAULT '',
  entry           INTEGER NOT NULL,
  UNIQUE (run, number)
) STRICT;
INSERT INTO attempts VALUES(1,1,1,'evaluate',1,'.daybook/runs/baseline/0001','','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',4,'7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e','2026-03-01T12:00:01Z','2026-03-01T12:00:04Z','finished','','null','null','',0,0,0,0,0,0,'',0,'','',0,2.0,'','','',6);
INSERT INTO attempts VALUES(2,2,1,'train',1,'.daybook/runs/0/0001','w1','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',8,'fe3d3c2444855c9b8ba2ae3db4d413c4345fdb8a16a6640f53b06d2d5a51f924','2026-03-01T12:00:01Z','2026-03-01T12:00:08Z','finished','cpu/f32/1','{"name":"cpu"}','{"go":"go1.26"}','',0,2,1000,600,2,2,'checkpoints/1',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','epochs/1',4096,9.0,'','','',11);
INSERT INTO attempts VALUES(3,3,1,'train',0,'','','{"commit":"","branch":"","dirty":false,"files":null,"remote":""}','{"a":"2","z":"1"}','2026-03-01T12:00:00Z',3,'0f2b471dc7ca89fe39665d8abc3b422180861dc6ee04647e5ff81243813dbe3e','2026-03-01T12:00:01Z','2026-03-01T12:00:03Z','failed','','null','null','',0,0,0,0,1,0,'',0,'','',0,0.0,'','NaN','',21);
CREATE TABLE journal_lines (
  attempt INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  digest  BLOB    NOT NULL, -- SHA-256 of the line
  PRIMARY KEY (attempt, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO journal_lines VALUES(1,1,X'798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c');
INSERT INTO journal_lines VALUES(1,2,X'acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe');
INSERT INTO journal_lines VALUES(1,3,X'ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad');
INSERT INTO journal_lines VALUES(1,4,X'7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e');
INSERT INTO journal_lines VALUES(2,1,X'91991fc5ab0aafac1737d112347004eee7d81f604ecec28467543bab87d99985');
INSERT INTO journal_lines VALUES(2,2,X'13c0923acf2573f9091863a84fe82cf3d8aeccb4beb32e46ee2503e7a99941b3');
INSERT INTO journal_lines VALUES(2,3,X'91cd62c2a22284e60ad2e8f4793617bd879d7061611ff0f4c3c1eff6b93aa7c1');
INSERT INTO journal_lines VALUES(2,4,X'11732405f1e5de9e8cfc55c0b19e181bc1b58e6c7ce7b67868c19a89875c5a10');
INSERT INTO journal_lines VALUES(2,5,X'77d74ea5d19184332dc55bc6e34971b1b3aa0510918adb6aa9e1120854f551e8');
INSERT INTO journal_lines VALUES(2,6,X'103aa6cb5437c3c8f150189fd70b50d392f5e5179008918f6c7eb7274499687a');
INSERT INTO journal_lines VALUES(2,7,X'547c768fce92a8c5d13160551adffc2020ae6a2ea5b97a566bc0aa179dc7e1ba');
INSERT INTO journal_lines VALUES(2,8,X'fe3d3c2444855c9b8ba2ae3db4d413c4345fdb8a16a6640f53b06d2d5a51f924');
INSERT INTO journal_lines VALUES(3,1,X'346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49');
INSERT INTO journal_lines VALUES(3,2,X'994a88675f7e9bd0a09de9e4072050d4131f97b25544fa4671c1e99224ccab16');
INSERT INTO journal_lines VALUES(3,3,X'0f2b471dc7ca89fe39665d8abc3b422180861dc6ee04647e5ff81243813dbe3e');
CREATE TABLE steps (
  attempt       INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  epoch         INTEGER NOT NULL,
  loss          REAL    NOT NULL, -- mean nats per target token
  learning_rate REAL    NOT NULL,
  grad_norm     REAL    NOT NULL, -- before clipping
  tokens        INTEGER NOT NULL,
  targets       INTEGER NOT NULL,
  seconds       REAL    NOT NULL,
  PRIMARY KEY (attempt, step)
) STRICT, WITHOUT ROWID;
INSERT INTO steps VALUES(2,1,1,2.0,0.0010000000000000000208,0.5,512,100,0.25);
INSERT INTO steps VALUES(2,2,1,1.0,0.0010000000000000000208,0.5,512,100,0.25);
INSERT INTO steps VALUES(3,1,0,0.0,0.0,0.0,0,0,0.0);
CREATE TABLE epochs (
  attempt    INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  train_loss REAL    NOT NULL,
  selected   REAL,             -- value of the selection metric; NULL if it was not finite
  best       INTEGER NOT NULL, -- best so far
  adapter    TEXT    NOT NULL,
  path       TEXT    NOT NULL, -- relative to the attempt's dir
  seconds    REAL    NOT NULL,
  PRIMARY KEY (attempt, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO epochs VALUES(2,1,1.0,1.0,1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','epochs/1',1.0);
CREATE TABLE evaluations (
  id             INTEGER PRIMARY KEY,
  run            INTEGER NOT NULL REFERENCES runs (id),
  attempt        INTEGER NOT NULL, -- number; 0 if scored later from kept predictions
  subject        TEXT    NOT NULL, -- adapter or base
  baseline       TEXT    NOT NULL,
  epoch          INTEGER NOT NULL, -- 0 for a base
  split          TEXT    NOT NULL,
  set_digest     TEXT    NOT NULL,
  evaluation     TEXT    NOT NULL, -- digest of the settings that made the predictions
  prediction_key TEXT    NOT NULL,
  records        INTEGER NOT NULL,
  list           TEXT    NOT NULL, -- digest of the record IDs in the index
  seconds        REAL    NOT NULL,
  identity       TEXT    NOT NULL, -- digest of the fact
  time           TEXT    NOT NULL,
  entry          INTEGER NOT NULL
) STRICT;
INSERT INTO evaluations VALUES(1,1,1,'base','zero_shot',0,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'c558809d2c4d7ff6d624d9d38230af6637b37b0518dafbfc9436ffd4d14ed94a','2026-03-01T12:00:02Z',8);
INSERT INTO evaluations VALUES(2,1,1,'base','zero_shot',0,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'c9bddd9c72da46c5b2f3c114bdb17c4fc91da1a3b7f2aaa78d3e8c6d310cad14','2026-03-01T12:00:03Z',9);
INSERT INTO evaluations VALUES(3,2,1,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'027c7ddbebe85c475d7c5811c244619c364275cdb557378d327d35cd2ff9b26e','2026-03-01T12:00:04Z',14);
INSERT INTO evaluations VALUES(4,2,1,'adapter','',1,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'ba5d0df2242a941bb6d5ed7f97da4ec6e47a9744be7c631d183dee3b34a5d57d','2026-03-01T12:00:07Z',17);
CREATE TABLE metric_values (
  evaluation INTEGER NOT NULL,
  ordinal    INTEGER NOT NULL, -- place in the worker's report
  metric     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  by_field   TEXT    NOT NULL, -- '' for the whole set
  tag        TEXT    NOT NULL,
  value      REAL,             -- NULL where den is zero
  num        REAL    NOT NULL,
  den        REAL    NOT NULL,
  PRIMARY KEY (evaluation, ordinal),
  UNIQUE (evaluation, metric, version, by_field, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO metric_values VALUES(1,0,'metric0',1,'','',0.75,0.75,1.0);
INSERT INTO metric_values VALUES(1,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
INSERT INTO metric_values VALUES(2,0,'metric0',1,'','',0.75,0.75,1.0);
INSERT INTO metric_values VALUES(2,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
INSERT INTO metric_values VALUES(3,0,'metric0',1,'','',1.5,1.5,1.0);
INSERT INTO metric_values VALUES(3,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
INSERT INTO metric_values VALUES(4,0,'metric0',1,'','',0.0,0.0,1.0);
INSERT INTO metric_values VALUES(4,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
CREATE TABLE scores (
  evaluation INTEGER NOT NULL,
  ordinal    INTEGER NOT NULL,
  metric     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  num        BLOB    NOT NULL, -- little-endian float64 per record, in set order
  den        BLOB    NOT NULL,
  PRIMARY KEY (evaluation, ordinal),
  UNIQUE (evaluation, metric, version)
) STRICT, WITHOUT ROWID;
INSERT INTO scores VALUES(1,0,'metric0',1,X'000000000000e03f000000000000d03f',X'0000000000000000000000000000f03f');
INSERT INTO scores VALUES(2,0,'metric0',1,X'000000000000e03f000000000000d03f',X'0000000000000000000000000000f03f');
INSERT INTO scores VALUES(3,0,'metric0',1,X'000000000000f03f000000000000e03f',X'0000000000000000000000000000f03f');
INSERT INTO scores VALUES(4,0,'metric0',1,X'00000000000000000000000000000000',X'0000000000000000000000000000f03f');
CREATE TABLE adapters (
  sweep   TEXT    NOT NULL, -- name
  version INTEGER NOT NULL,
  digest  TEXT    NOT NULL,
  run     TEXT    NOT NULL, -- key
  epoch   INTEGER NOT NULL,
  path    TEXT    NOT NULL,
  bytes   INTEGER NOT NULL,
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, version),
  UNIQUE (sweep, run, epoch, digest)
) STRICT;
INSERT INTO adapters VALUES('clinical',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0',1,'adapters/clinical/v0001',4096,'2026-03-01T12:00:00Z',19);
CREATE TABLE aliases (
  sweep   TEXT    NOT NULL,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL, -- where it points now; entries of type alias say where it pointed
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, alias)
) STRICT;
INSERT INTO aliases VALUES('clinical','best',1,'2026-03-01T12:00:00Z',20);
CREATE TABLE record_lists (
  digest  TEXT PRIMARY KEY, -- SHA-256 over the IDs
  records BLOB NOT NULL     -- keyed record IDs, 32 bytes each
) STRICT;
INSERT INTO record_lists VALUES('c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',X'ed1b3e109884671e357f35d9fbe4e5136feb40b1497ee33586a7acaef62799903881ba80c13a2ec1162b27cd94415108b051c9df04ab3a9f6cf2dc92c75ad146');
INSERT INTO record_lists VALUES('ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',X'61b5a1b6f895f80d07fedeb9d96ec0cc0fd3e649b7bfd3af6ff551e1e37242bb703da499eaf7a87da0f9a113c0112b85fee60254512263b9ed8ced11cd90c3a5');
CREATE TABLE member_lists (
  id     INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE -- SHA-256 over the members
) STRICT;
INSERT INTO member_lists VALUES(1,'9adb8eeca420a237f29e50bf3322e4991a2630ce56c399d344e5802b3ec69a8a');
INSERT INTO member_lists VALUES(2,'92d2f1dc4540d7e5790a491481b449e898ac2a62b5d96a651148910703d58c7e');
INSERT INTO member_lists VALUES(3,'4123a4dd625fe72206d73938a3749d919b2d82de1c53777449eefe8664c541ba');
CREATE TABLE members (
  list      INTEGER NOT NULL REFERENCES member_lists (id),
  position  INTEGER NOT NULL,
  record    BLOB    NOT NULL, -- keyed IDs, 32 bytes each
  content   BLOB    NOT NULL,
  example   BLOB    NOT NULL,
  tokens    INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  PRIMARY KEY (list, position)
) STRICT, WITHOUT ROWID;
INSERT INTO members VALUES(1,0,X'226eff0776f36af784b381b09cd91f9c9ef8c4ba45f737d2d1d5e8120e3f75f6',X'3af63c8be24cad0c8b119d519be110de0a888b155490c9e4f3128d5196a55b6d',X'54990b336719ac0067492fb34a78ddcda2ba045647e8652d19dc236216e12c4d',100,0);
INSERT INTO members VALUES(1,1,X'6f0b34c279823e2bd801cee20d7e774ff3d86d3478b4783dc4e24f808b878aab',X'bb5db44d3e7d9b80f7aaa7d6b61fc7dd1067a764858c31d046b4f55cde76dd29',X'065c56c5b3858be1c9fbb1c348a42531a52ab68418b1444c30beaf447a16db9f',101,1);
INSERT INTO members VALUES(2,0,X'ed1b3e109884671e357f35d9fbe4e5136feb40b1497ee33586a7acaef6279990',X'10ab1bea689e2548825dbb6eb4e21943b0ed5e3ec93c710781e61a3dc9143568',X'892dc3341c8887a92fb10f98e0d34dcbbc5052e97d67d3666af69dbbaa7d897e',100,0);
INSERT INTO members VALUES(2,1,X'3881ba80c13a2ec1162b27cd94415108b051c9df04ab3a9f6cf2dc92c75ad146',X'9c3f6283fe33fde7fb9c146ee6ed01dd5bf33e5b0a1c24ba7ad6f6ae19c2c84e',X'e460744e88171d9a37a61df19316a18cdf3a7244798004f9afa0a7ac36d5797e',101,1);
INSERT INTO members VALUES(3,0,X'61b5a1b6f895f80d07fedeb9d96ec0cc0fd3e649b7bfd3af6ff551e1e37242bb',X'efc62037700f03447f68dbd0762b35668a3047a3268e68b3a0739a6f4370bcd2',X'4bb06c206ba55cc0e904ac111d2c9ffcec2ef4a1ce4e32f2431c03ac1ed9b1f6',100,0);
INSERT INTO members VALUES(3,1,X'703da499eaf7a87da0f9a113c0112b85fee60254512263b9ed8ced11cd90c3a5',X'3ceb5c413ee02895bf1f357a8c2cc2bec824f4d8aad13aeab69303f341c8b781',X'e726cfbba89d79fb746390fb14b0cf9ff480c14ebf68f6de115aa893b550f393',101,1);
CREATE TABLE leases (
  run    TEXT    PRIMARY KEY,
  holder TEXT    NOT NULL,
  until  INTEGER NOT NULL -- Unix milliseconds
) STRICT;
CREATE TABLE reservations (
  sweep   TEXT    NOT NULL,
  version INTEGER NOT NULL,
  run     TEXT    NOT NULL,
  epoch   INTEGER NOT NULL,
  digest  TEXT    NOT NULL,
  PRIMARY KEY (sweep, version),
  UNIQUE (sweep, run, epoch, digest)
) STRICT;
CREATE TRIGGER entries_append BEFORE INSERT ON entries
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries)
BEGIN SELECT raise(ABORT, 'entries are only appended'); END;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;
CREATE INDEX sweeps_name ON sweeps (name, id);
CREATE INDEX planned_runs_run ON planned_runs (run, sweep);
CREATE INDEX evaluations_run ON evaluations (run, split, epoch);
CREATE INDEX evaluations_prediction ON evaluations (prediction_key);
CREATE INDEX adapters_digest ON adapters (digest);
CREATE INDEX adapters_run ON adapters (run);
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
  s.id = (SELECT max(n.id) FROM sweeps n WHERE n.name = s.name) AS latest -- 1 in the newest plan of that name
FROM planned_runs p
JOIN sweeps s ON s.id = p.sweep
JOIN runs r ON r.id = p.run
LEFT JOIN attempts a ON a.run = r.id AND a.number = coalesce(r.result, r.attempts)
;
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
LEFT JOIN attempts a ON a.run = r.id AND a.number = r.result
;
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
FROM adapters d
;
COMMIT;
