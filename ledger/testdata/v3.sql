PRAGMA user_version = 3; PRAGMA application_id = 1147238754;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE entries (
  seq     INTEGER PRIMARY KEY,  -- from 1, without gaps
  time    TEXT    NOT NULL,
  type    TEXT    NOT NULL,
  version INTEGER NOT NULL,     -- of the body's schema
  body    TEXT    NOT NULL      -- JSON
) STRICT;
INSERT INTO entries VALUES(1,'2026-03-01T12:00:00Z','origin',1,'{"before":0,"cites":"","key":"daybook/091ee68d34c1074c6c760088773a4aba+3603308c+Aa+fl9FHrfOS3BZIddixaBUu73TFt25bcYg3HzEPdmAm","origin":"daybook/091ee68d34c1074c6c760088773a4aba","reason":"first entry"}');
INSERT INTO entries VALUES(2,'2026-03-01T12:00:00Z','dataset',1,'{"bytes":1234,"digest":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","path":"data/notes.jsonl","records":50,"root":"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"}');
INSERT INTO entries VALUES(3,'2026-03-01T12:00:00Z','set',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","list":"9adb8eeca420a237f29e50bf3322e4991a2630ce56c399d344e5802b3ec69a8a","records":2,"role":"train","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(4,'2026-03-01T12:00:00Z','set',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","list":"92d2f1dc4540d7e5790a491481b449e898ac2a62b5d96a651148910703d58c7e","records":2,"role":"validation","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(5,'2026-03-01T12:00:00Z','set',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","list":"4123a4dd625fe72206d73938a3749d919b2d82de1c53777449eefe8664c541ba","records":2,"role":"test","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(6,'2026-03-01T12:00:00Z','sweep',1,'{"args":{"ext":{"a":"<b>"}},"axes":[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}],"data":{"digest":"","duplicates":0,"group_by":"","groups":0,"pool":0,"records":0,"source":"","test":5,"validation":5,"withheld":0},"digest":"dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784","environment":{"go":"go1.26"},"git":{"branch":"main","commit":"c0ffee","dirty":true,"files":["a.txt"],"remote":""},"id":1,"name":"clinical","path":"experiments/clinical/sweep.jsonnet","planned":[{"against":"","axes":null,"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","kind":"evaluate","name":"zero_shot","numerics":"cpu/f32/1","position":0,"spec":{},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"","truncated":0,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"},{"against":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","axes":[{"axis":"rank","label":"4"},{"axis":"seed","label":"0"}],"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","kind":"train","name":"","numerics":"cpu/f32/1","position":1,"spec":{"seed":0,"x":"a&b"},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","truncated":0,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"},{"against":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","axes":[{"axis":"rank","label":"8"},{"axis":"seed","label":"0"}],"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","kind":"train","name":"","numerics":"cpu/f32/1","position":2,"spec":{"seed":0,"x":"a&b"},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","truncated":1,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"}],"settings":{"select":"loss"},"sources":[{"digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d","path":"sweep.jsonnet"}],"time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(7,'2026-03-01T12:00:00Z','attempt',1,'{"dir":".daybook/runs/baseline/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"evaluate","number":1,"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","sweep":1,"worker":""}');
INSERT INTO entries VALUES(8,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":null,"engine":null,"kind":"evaluate","numerics":"","worker":""},"digest":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(9,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"zero_shot","count":2,"epoch":0,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":0.75,"value":0.75,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a","scores":[{"den":[0,1],"metric":"metric0","num":[0.5,0.25],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"base"},"digest":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","seq":2,"time":"2026-03-01T12:00:02Z","type":"evaluated","version":1}],"prev":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(10,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"zero_shot","count":2,"epoch":0,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":0.75,"value":0.75,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1","scores":[{"den":[0,1],"metric":"metric0","num":[0.5,0.25],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"base"},"digest":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","seq":3,"time":"2026-03-01T12:00:03Z","type":"evaluated","version":1}],"prev":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(11,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"seconds":2},"digest":"7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e","seq":4,"time":"2026-03-01T12:00:04Z","type":"finished","version":1}],"prev":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(12,'2026-03-01T12:00:00Z','attempt',1,'{"dir":".daybook/runs/0/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","sweep":1,"worker":"w"}');
INSERT INTO entries VALUES(13,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":{"name":"cpu"},"eight_bit":600,"engine":{"go":"go1.26"},"kind":"train","numerics":"cpu/f32/1","parameters":1000,"steps":3,"worker":"w1"},"digest":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(14,'2026-03-01T12:00:00Z','steps',2,'{"after":[0,1000000000,2000000000],"attempt":1,"epoch":[1,1,1],"grad_norm":[0.5,0.5,0.5],"learning_rate":[0.001,0.001,0.001],"loss":[2,1,0.6666666666666666],"prev":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","seconds":[0.25,0.25,0.25],"seq":2,"step":[1,2,3],"targets":[100,100,100],"time":"2026-03-01T12:00:02Z","tokens":[512,512,512]}');
INSERT INTO entries VALUES(15,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":1.5,"value":1.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f","scores":[{"den":[0,1],"metric":"metric0","num":[1,0.5],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"digest":"f3cbd783a870fc9ff771b056da5ce62518b7172879044e8aebb63223908800ab","seq":5,"time":"2026-03-01T12:00:05Z","type":"evaluated","version":1}],"prev":"60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(16,'2026-03-01T12:00:00Z','epoch',1,'{"attempt":1,"events":[{"body":{"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","best":true,"epoch":1,"path":"epochs/1","seconds":1,"selected":1,"train_loss":1},"digest":"75b58092e7bc8f0a9ce4dca1aa061c7fdb193b1e96fd623d96db0f1c8f1d0654","seq":6,"time":"2026-03-01T12:00:06Z","type":"epoch","version":1}],"prev":"f3cbd783a870fc9ff771b056da5ce62518b7172879044e8aebb63223908800ab","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(17,'2026-03-01T12:00:00Z','checkpoint',1,'{"attempt":1,"events":[{"body":{"path":"checkpoints/1","step":3},"digest":"0574bda56f92905793812b32dc7d64f8bf0e330d2b2d311d8c6372802d5a6e09","seq":7,"time":"2026-03-01T12:00:07Z","type":"checkpoint","version":1}],"prev":"75b58092e7bc8f0a9ce4dca1aa061c7fdb193b1e96fd623d96db0f1c8f1d0654","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(18,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":0,"value":0,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed","scores":[{"den":[0,1],"metric":"metric0","num":[0,0],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"adapter"},"digest":"44afd599238194bf33e9bdd973358c8fd521aacdadf8dffd775d4a596b874875","seq":8,"time":"2026-03-01T12:00:08Z","type":"evaluated","version":1}],"prev":"0574bda56f92905793812b32dc7d64f8bf0e330d2b2d311d8c6372802d5a6e09","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(19,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","chosen_epoch":1,"path":"epochs/1","seconds":9,"steps":3,"tokens":4096},"digest":"54fe2fcce2798d2a71564a58b0465b64d06f267abd1b0d8e86974dcc838b208f","seq":9,"time":"2026-03-01T12:00:09Z","type":"finished","version":1}],"prev":"44afd599238194bf33e9bdd973358c8fd521aacdadf8dffd775d4a596b874875","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(20,'2026-03-01T12:00:00Z','adapter',1,'{"bytes":4096,"digest":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","epoch":1,"path":"adapters/clinical/v0001","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO entries VALUES(21,'2026-03-01T12:00:00Z','attempt',1,'{"dir":".daybook/runs/1/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","sweep":1,"worker":"w"}');
INSERT INTO entries VALUES(22,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":{"name":"cpu"},"eight_bit":600,"engine":{"go":"go1.26"},"kind":"train","numerics":"cpu/f32/1","parameters":1000,"steps":3,"worker":"w1"},"digest":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(23,'2026-03-01T12:00:00Z','steps',2,'{"after":[0,1000000000,2000000000],"attempt":1,"epoch":[1,1,1],"grad_norm":[0.5,0.5,0.5],"learning_rate":[0.001,0.001,0.001],"loss":[2,1,0.6666666666666666],"prev":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","seconds":[0.25,0.25,0.25],"seq":2,"step":[1,2,3],"targets":[100,100,100],"time":"2026-03-01T12:00:02Z","tokens":[512,512,512]}');
INSERT INTO entries VALUES(24,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":3,"value":3,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"6d40c84445aa583ca9edb074a984bd433cdaa6f2e7666cd5a79d81701ae9cded","scores":[{"den":[0,1],"metric":"metric0","num":[2,1],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"digest":"f738848144845e547bf3a2daeafc499d048e7ca7e5a0ad48eefa274d85d1c6e0","seq":5,"time":"2026-03-01T12:00:05Z","type":"evaluated","version":1}],"prev":"60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(25,'2026-03-01T12:00:00Z','epoch',1,'{"attempt":1,"events":[{"body":{"adapter":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","best":true,"epoch":1,"path":"epochs/1","seconds":1,"selected":1,"train_loss":1},"digest":"53fab2c812925b3522491994a8055c611f6e3c24ea9cb3d9575137bee8649e76","seq":6,"time":"2026-03-01T12:00:06Z","type":"epoch","version":1}],"prev":"f738848144845e547bf3a2daeafc499d048e7ca7e5a0ad48eefa274d85d1c6e0","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(26,'2026-03-01T12:00:00Z','checkpoint',1,'{"attempt":1,"events":[{"body":{"path":"checkpoints/1","step":3},"digest":"5140a9c50c4ca4bf66e9ff3f9c3fa235716369bb87e89bb95d6442ca012f165b","seq":7,"time":"2026-03-01T12:00:07Z","type":"checkpoint","version":1}],"prev":"53fab2c812925b3522491994a8055c611f6e3c24ea9cb3d9575137bee8649e76","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(27,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":1.5,"value":1.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"a071ecd945e0476d73f7fea9f2b69a27b031d96540bf7e7d9e81cecc3fd72372","scores":[{"den":[0,1],"metric":"metric0","num":[1,0.5],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"adapter"},"digest":"40a6e0f37b3520b5849f3fa90ec93b36b6a4b551f71d8ab8bca63e3c193f8f72","seq":8,"time":"2026-03-01T12:00:08Z","type":"evaluated","version":1}],"prev":"5140a9c50c4ca4bf66e9ff3f9c3fa235716369bb87e89bb95d6442ca012f165b","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(28,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"adapter":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","chosen_epoch":1,"path":"epochs/1","seconds":9,"steps":3,"tokens":4096},"digest":"6b8ed3c9361334ec3e25fad7cbbabb0f2919f9f46e2ee8ed72b3192d5424e2d5","seq":9,"time":"2026-03-01T12:00:09Z","type":"finished","version":1}],"prev":"40a6e0f37b3520b5849f3fa90ec93b36b6a4b551f71d8ab8bca63e3c193f8f72","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(29,'2026-03-01T12:00:00Z','adapter',1,'{"bytes":4096,"digest":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","epoch":1,"path":"adapters/clinical/v0002","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":2}');
INSERT INTO entries VALUES(30,'2026-03-01T12:00:00Z','alias',1,'{"alias":"best","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO entries VALUES(31,'2026-03-01T12:00:00Z','anchor',1,'{"kind":"file","note":"daybook/091ee68d34c1074c6c760088773a4aba\n30\nhBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=\n\n— daybook/091ee68d34c1074c6c760088773a4aba NgMwjEl2nFnJe3lX91l+0cbn9XpIFSsqonk4d1KGmXJqd2Z0MisKCX1XjMJKrQHXlV7mbE9fuaP7+GnWnu+bGzB+CAc=\n","place":"heads/clinical"}');
INSERT INTO entries VALUES(32,'2026-03-01T12:00:00Z','anchor',1,'{"kind":"witness","note":"daybook/091ee68d34c1074c6c760088773a4aba\n30\nhBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=\n\n— daybook/091ee68d34c1074c6c760088773a4aba NgMwjEl2nFnJe3lX91l+0cbn9XpIFSsqonk4d1KGmXJqd2Z0MisKCX1XjMJKrQHXlV7mbE9fuaP7+GnWnu+bGzB+CAc=\n— witness.example iZUrlAAAAABppCpAKxkS3TTHMWmkafH4O6ca+wVGBaQA/lBnRtAVrPDo/tzgkvYgNnIIyiFwPZCwmuM5KKy1gB7EMcqEtmQsxIgpDA==\n","place":"witness.example+89952b94+BBBI1cGBOuDZzuEzef9GBygMX4R8ibnv3rSY57SJivlo"}');
INSERT INTO entries VALUES(33,'2026-03-01T12:00:00Z','origin',1,'{"before":32,"cites":"daybook/091ee68d34c1074c6c760088773a4aba\n32\nq50SZV73fKrKkWM+3Dy1aLjIAiLNIZNJiqT/qTcjfYI=\n\n— daybook/091ee68d34c1074c6c760088773a4aba NgMwjGodV+Enqt3XE6kvy9Z6oTGUG4e7zC6s5GMXdH0GoSbHBQmRgj3ysxX1GXEMOAxZtxMZnvdkx6C7olWKK6EgpA0=\n","key":"daybook/f15c68c5a05482a708df6824259ce8f0+8083b9a2+AXqaWKK4xoqesZGyIKl+WKcwkeRDMx38DzHGqtSBu8P4","origin":"daybook/f15c68c5a05482a708df6824259ce8f0","reason":"key lost"}');
INSERT INTO entries VALUES(34,'2026-03-01T12:00:00Z','key',1,'{"statement":"daybook key rotation v1\ndaybook/f15c68c5a05482a708df6824259ce8f0\n33\nF8DJBOWPaXFk2BJYBqIVThK3QTGUbATgM24kXryyosc=\ndaybook/f15c68c5a05482a708df6824259ce8f0+8083b9a2+AXqaWKK4xoqesZGyIKl+WKcwkeRDMx38DzHGqtSBu8P4\ndaybook/f15c68c5a05482a708df6824259ce8f0+c9c2e7d5+AUVL3bRLMlCYbR/Il7EfZnfjhISKK09i0RnnE5S38BNS\n\n— daybook/f15c68c5a05482a708df6824259ce8f0 gIO5otOpj+WKKwljIbSwWT53RmAvBeZnieAdN548IzhdBz3CnJtSVMeHaveKPHZhoNEWd02QDVN/WoIDVez9Q/Mweg4=\n— daybook/f15c68c5a05482a708df6824259ce8f0 ycLn1RK74G94pnqvj/wr8s+wEfHO8CsSrdxZZfsVEUdikEK6iqFcx36KkQrFT3M35o6N2+BQkMNsyIPv0QhTvmJ17w4=\n"}');
INSERT INTO entries VALUES(35,'2026-03-01T12:00:00Z','attempt',1,'{"dir":"","environment":{"a":"2","z":"1"},"git":{"branch":"","commit":"","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","sweep":0,"worker":""}');
INSERT INTO entries VALUES(36,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":null,"engine":null,"kind":"train","numerics":"","worker":""},"digest":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(37,'2026-03-01T12:00:00Z','failed',1,'{"attempt":1,"events":[{"body":{"error":"NaN"},"digest":"79eb35279e5178ee23478dd1ca9c48d6f08fe98fcc5f9b4615f1c369d8b24790","seq":2,"time":"2026-03-01T12:00:02Z","type":"failed","version":1}],"prev":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(38,'2026-03-01T12:00:00Z','rescored',1,'{"evaluated":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":10.5,"value":10.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"68aaf53bf4b53956d5b7541d781136f5b058f9b6cba4f75071b8fbc116da7e9c","scores":[{"den":[0,1],"metric":"metric0","num":[7,3.5],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
CREATE TABLE datasets (
  digest  TEXT    PRIMARY KEY,  -- of the file's bytes
  path    TEXT    NOT NULL,
  bytes   INTEGER NOT NULL,
  records INTEGER NOT NULL,
  root    TEXT    NOT NULL,     -- Merkle root over record IDs in file order
  entry   INTEGER NOT NULL
) STRICT;
INSERT INTO datasets VALUES('b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','data/notes.jsonl',1234,50,'4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2',2);
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
INSERT INTO sets VALUES(1,'116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','train',2,201,1,'9adb8eeca420a237f29e50bf3322e4991a2630ce56c399d344e5802b3ec69a8a',3);
INSERT INTO sets VALUES(2,'98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','validation',2,201,1,'92d2f1dc4540d7e5790a491481b449e898ac2a62b5d96a651148910703d58c7e',4);
INSERT INTO sets VALUES(3,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','test',2,201,1,'4123a4dd625fe72206d73938a3749d919b2d82de1c53777449eefe8664c541ba',5);
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
INSERT INTO sweeps VALUES(1,'clinical','experiments/clinical/sweep.jsonnet','dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784','[{"path":"sweep.jsonnet","digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"}]','{"ext":{"a":"<b>"}}','[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}]','{"source":"","digest":"","records":0,"pool":0,"validation":5,"test":5,"withheld":0,"duplicates":0,"group_by":"","groups":0}','{"select":"loss"}','{"commit":"c0ffee","branch":"main","dirty":true,"files":["a.txt"],"remote":""}','{"go":"go1.26"}',3,'f209b82630a2b622f3b54a8d977e15660bc410bc47c8dcaf3004d6a3f1da6ac3','2026-03-01T12:00:00Z',6);
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
INSERT INTO runs VALUES(3,'b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e','train','finished',1,1,1,2);
INSERT INTO runs VALUES(4,'d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa','train','failed',1,NULL,0,0);
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
INSERT INTO planned_runs VALUES(1,2,3,'train','','[{"axis":"rank","label":"8"},{"axis":"seed","label":"0"}]','{"seed":0,"x":"a&b"}','cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2','cpu/f32/1','116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271',1);
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
INSERT INTO attempts VALUES(1,1,1,'evaluate',1,'.daybook/runs/baseline/0001','','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',4,'7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e','2026-03-01T12:00:01Z','2026-03-01T12:00:04Z','finished','','null','null','',0,0,0,0,0,0,'',0,'','',0,2.0,'','','',7);
INSERT INTO attempts VALUES(2,2,1,'train',1,'.daybook/runs/0/0001','w1','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',9,'54fe2fcce2798d2a71564a58b0465b64d06f267abd1b0d8e86974dcc838b208f','2026-03-01T12:00:01Z','2026-03-01T12:00:09Z','finished','cpu/f32/1','{"name":"cpu"}','{"go":"go1.26"}','',0,3,1000,600,3,3,'checkpoints/1',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','epochs/1',4096,9.0,'','','',12);
INSERT INTO attempts VALUES(3,3,1,'train',1,'.daybook/runs/1/0001','w1','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',9,'6b8ed3c9361334ec3e25fad7cbbabb0f2919f9f46e2ee8ed72b3192d5424e2d5','2026-03-01T12:00:01Z','2026-03-01T12:00:09Z','finished','cpu/f32/1','{"name":"cpu"}','{"go":"go1.26"}','',0,3,1000,600,3,3,'checkpoints/1',1,'6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4','epochs/1',4096,9.0,'','','',21);
INSERT INTO attempts VALUES(4,4,1,'train',0,'','','{"commit":"","branch":"","dirty":false,"files":null,"remote":""}','{"a":"2","z":"1"}','2026-03-01T12:00:00Z',2,'79eb35279e5178ee23478dd1ca9c48d6f08fe98fcc5f9b4615f1c369d8b24790','2026-03-01T12:00:01Z','2026-03-01T12:00:02Z','failed','','null','null','',0,0,0,0,0,0,'',0,'','',0,0.0,'','NaN','',35);
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
INSERT INTO journal_lines VALUES(2,1,X'bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21');
INSERT INTO journal_lines VALUES(2,2,X'e9f12b81077a391a63290bed7525c2cd36029032a26a7709329ef85909ee84a1');
INSERT INTO journal_lines VALUES(2,3,X'e99f989d2c0ce397fa2b15c9f9b7a3934ec7454a08c5955e289b467f4caea7b6');
INSERT INTO journal_lines VALUES(2,4,X'60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b');
INSERT INTO journal_lines VALUES(2,5,X'f3cbd783a870fc9ff771b056da5ce62518b7172879044e8aebb63223908800ab');
INSERT INTO journal_lines VALUES(2,6,X'75b58092e7bc8f0a9ce4dca1aa061c7fdb193b1e96fd623d96db0f1c8f1d0654');
INSERT INTO journal_lines VALUES(2,7,X'0574bda56f92905793812b32dc7d64f8bf0e330d2b2d311d8c6372802d5a6e09');
INSERT INTO journal_lines VALUES(2,8,X'44afd599238194bf33e9bdd973358c8fd521aacdadf8dffd775d4a596b874875');
INSERT INTO journal_lines VALUES(2,9,X'54fe2fcce2798d2a71564a58b0465b64d06f267abd1b0d8e86974dcc838b208f');
INSERT INTO journal_lines VALUES(3,1,X'bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21');
INSERT INTO journal_lines VALUES(3,2,X'e9f12b81077a391a63290bed7525c2cd36029032a26a7709329ef85909ee84a1');
INSERT INTO journal_lines VALUES(3,3,X'e99f989d2c0ce397fa2b15c9f9b7a3934ec7454a08c5955e289b467f4caea7b6');
INSERT INTO journal_lines VALUES(3,4,X'60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b');
INSERT INTO journal_lines VALUES(3,5,X'f738848144845e547bf3a2daeafc499d048e7ca7e5a0ad48eefa274d85d1c6e0');
INSERT INTO journal_lines VALUES(3,6,X'53fab2c812925b3522491994a8055c611f6e3c24ea9cb3d9575137bee8649e76');
INSERT INTO journal_lines VALUES(3,7,X'5140a9c50c4ca4bf66e9ff3f9c3fa235716369bb87e89bb95d6442ca012f165b');
INSERT INTO journal_lines VALUES(3,8,X'40a6e0f37b3520b5849f3fa90ec93b36b6a4b551f71d8ab8bca63e3c193f8f72');
INSERT INTO journal_lines VALUES(3,9,X'6b8ed3c9361334ec3e25fad7cbbabb0f2919f9f46e2ee8ed72b3192d5424e2d5');
INSERT INTO journal_lines VALUES(4,1,X'346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49');
INSERT INTO journal_lines VALUES(4,2,X'79eb35279e5178ee23478dd1ca9c48d6f08fe98fcc5f9b4615f1c369d8b24790');
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
INSERT INTO steps VALUES(2,3,1,0.66666666666666662965,0.0010000000000000000208,0.5,512,100,0.25);
INSERT INTO steps VALUES(3,1,1,2.0,0.0010000000000000000208,0.5,512,100,0.25);
INSERT INTO steps VALUES(3,2,1,1.0,0.0010000000000000000208,0.5,512,100,0.25);
INSERT INTO steps VALUES(3,3,1,0.66666666666666662965,0.0010000000000000000208,0.5,512,100,0.25);
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
INSERT INTO epochs VALUES(3,1,1.0,1.0,1,'6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4','epochs/1',1.0);
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
INSERT INTO evaluations VALUES(1,1,1,'base','zero_shot',0,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'3e4b096efa7c8d49b68b2b8cd52af05b7612baebaf030c430f96b5d8bf3da604','2026-03-01T12:00:02Z',9);
INSERT INTO evaluations VALUES(2,1,1,'base','zero_shot',0,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'ff9109d883ed767ab7c62706b50fd8ba6c4a5f44a7425207166d561ed7f13187','2026-03-01T12:00:03Z',10);
INSERT INTO evaluations VALUES(3,2,1,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'d5c6c0578d45543652e333ddf5fd4b82999141664c100802f1b03ae2d9eeb254','2026-03-01T12:00:05Z',15);
INSERT INTO evaluations VALUES(4,2,1,'adapter','',1,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'46ce6ced554aa2a3135d0c855b60bc1eca640cf3067dcbf7cc54a575432e10e7','2026-03-01T12:00:08Z',18);
INSERT INTO evaluations VALUES(5,3,1,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','6d40c84445aa583ca9edb074a984bd433cdaa6f2e7666cd5a79d81701ae9cded',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'0ee3d64ce4cd5d4da0054a0318aa9e40739a88227fb1a01627065fb643e10323','2026-03-01T12:00:05Z',24);
INSERT INTO evaluations VALUES(6,3,1,'adapter','',1,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','a071ecd945e0476d73f7fea9f2b69a27b031d96540bf7e7d9e81cecc3fd72372',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'36d4bc4390f1e14b1e153ab069da8bddcd5b86a4f6eb9ad6492abb415d2faaa3','2026-03-01T12:00:08Z',27);
INSERT INTO evaluations VALUES(7,2,0,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','68aaf53bf4b53956d5b7541d781136f5b058f9b6cba4f75071b8fbc116da7e9c',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'48893562fa090449a8cb8c64a2a6e0bf6d0b060364f2ac7d0a157108af96aa15','2026-03-01T12:00:00Z',38);
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
INSERT INTO metric_values VALUES(5,0,'metric0',1,'','',3.0,3.0,1.0);
INSERT INTO metric_values VALUES(5,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
INSERT INTO metric_values VALUES(6,0,'metric0',1,'','',1.5,1.5,1.0);
INSERT INTO metric_values VALUES(6,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
INSERT INTO metric_values VALUES(7,0,'metric0',1,'','',10.499999999999999999,10.499999999999999999,1.0);
INSERT INTO metric_values VALUES(7,1,'metric0',1,'quality','clean',NULL,0.0,0.0);
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
INSERT INTO scores VALUES(5,0,'metric0',1,X'0000000000000040000000000000f03f',X'0000000000000000000000000000f03f');
INSERT INTO scores VALUES(6,0,'metric0',1,X'000000000000f03f000000000000e03f',X'0000000000000000000000000000f03f');
INSERT INTO scores VALUES(7,0,'metric0',1,X'0000000000001c400000000000000c40',X'0000000000000000000000000000f03f');
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
INSERT INTO adapters VALUES('clinical',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0',1,'adapters/clinical/v0001',4096,'2026-03-01T12:00:00Z',20);
INSERT INTO adapters VALUES('clinical',2,'6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4','b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e',1,'adapters/clinical/v0002',4096,'2026-03-01T12:00:00Z',29);
CREATE TABLE aliases (
  sweep   TEXT    NOT NULL,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL, -- where it points now; entries of type alias say where it pointed
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, alias)
) STRICT;
INSERT INTO aliases VALUES('clinical','best',1,'2026-03-01T12:00:00Z',30);
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
CREATE TABLE hashes (
  id   INTEGER PRIMARY KEY, -- stored-hash index of golang.org/x/mod/sumdb/tlog: from 0, without gaps
  hash BLOB    NOT NULL     -- SHA-256
) STRICT;
INSERT INTO hashes VALUES(0,X'a1f24354900392ceb5e725fac706199152c1c7808da505aa71d262b6458d190e');
INSERT INTO hashes VALUES(1,X'fb3a2f5536118cd8ba066460e1f74696fb27081498d42346beecb055f1ef7089');
INSERT INTO hashes VALUES(2,X'3354861bb3060b310b32ea89eab7fb385ab169e79e472fcb80f5e2eee6ef4288');
INSERT INTO hashes VALUES(3,X'e6c55c65cf2a79d2dc17e35e831bf69a68ba7daf33aa3cabf1d86e2cc342498a');
INSERT INTO hashes VALUES(4,X'ac639e7603039abd81aaba52c449945a8278097c4a64cf5d2e5962ce7fb61811');
INSERT INTO hashes VALUES(5,X'2e2049c5eaa66c86bb3a8f26e4542b9445fb27a6f1e5ace123d0de432feff510');
INSERT INTO hashes VALUES(6,X'0193ee58655fcef606ffa23e32410ef4cebfd64497ed32c60e158bbcdc1d9b28');
INSERT INTO hashes VALUES(7,X'1872dd0cb831e38eb789d1ccbed96358503c075e25d54f8e12ba510254c53975');
INSERT INTO hashes VALUES(8,X'da462ec05bcbe71c0d460723629fff5e92e797fc0237407c9c10e1162bc2d515');
INSERT INTO hashes VALUES(9,X'b20826c486d51a2bea5232fb3d9bd743187ddc44280ac9c78a602815e16d42c8');
INSERT INTO hashes VALUES(10,X'644cd7b418a660c3364f2ebed44c9761581ef723323954febedea3fb67bc8e05');
INSERT INTO hashes VALUES(11,X'09856aa310bb9dd6256e1411c155b90c3b9fba0f5e46fcd2e91a35d1c1ebe35b');
INSERT INTO hashes VALUES(12,X'2c5f244d36a2ab2d6e1a9f193b367e2721dc7d9dea8981515a349a00b46ddcaf');
INSERT INTO hashes VALUES(13,X'4c5bbb7cdb5b47bbeaffd5ef09f8d991cdbd492513d791fcbac38ec6bfea0e17');
INSERT INTO hashes VALUES(14,X'da82019f60a05353c461752a648d2273b0e466998049c69a9402b20e8a20ca59');
INSERT INTO hashes VALUES(15,X'9a9b7db5aff58f8be288be0d32af0b353a316a4b5f1173a18cfdfbb27aa38b9e');
INSERT INTO hashes VALUES(16,X'282ad0114b86e492eecb77480ef2aba67a97aeddd81c5e838b1a1d34c79c851c');
INSERT INTO hashes VALUES(17,X'4ce7901385f7a63f581a110e111d864f7512413e231e206d023ed5f80234c111');
INSERT INTO hashes VALUES(18,X'71d12b1bc286a6a39115c31e0f28f80ad5bccfa2ca4939b19d298c5059202bd0');
INSERT INTO hashes VALUES(19,X'6c7b61eaec6d25dca827b672e45b83a47cef0ba1d6fdad5479f43b7606c1911f');
INSERT INTO hashes VALUES(20,X'6f2eb8919b429dba22e9256f06520b5f98e00d446163e240f4ce08957c6c40f9');
INSERT INTO hashes VALUES(21,X'ec3e2f19f28f0770d09b679ec5275bb595334e3fd6a98083ceff6b952f1850e9');
INSERT INTO hashes VALUES(22,X'ef79b57fe970c3be84333e500d96099cae06f96eb89096ee36ba8e9d170f1d05');
INSERT INTO hashes VALUES(23,X'45f37282b6169a40bc65be8c194cfc8ff05405c8fe9ce702a166490418f40cb9');
INSERT INTO hashes VALUES(24,X'1e73c4f322ca3b87cb0f2ffd4d9eef140a84193226de621d179e371f8045f013');
INSERT INTO hashes VALUES(25,X'c9a510152a7a7e7e524e9999e8a516340e026316bda17d0689ca3324c23c7e68');
INSERT INTO hashes VALUES(26,X'806c8974d593d725b408ee3facb259f4793db8645a69b2582500c1eb22afb164');
INSERT INTO hashes VALUES(27,X'ee348a72c46d14306951012fe022148fd87f230004e132d0ce382174f0d4e1ec');
INSERT INTO hashes VALUES(28,X'8b8f6da3435e9deae800d3c21992c2c96d236b0399845ca95e58bbd60a46264d');
INSERT INTO hashes VALUES(29,X'6bf4e5f7199216089bb956f0bd1c8ef1acb071d5c17936139c75f3c04f946b5d');
INSERT INTO hashes VALUES(30,X'61ebce105b078a158e18b76f08d46d0d2634d36665ef22978048cfae5088eb25');
INSERT INTO hashes VALUES(31,X'47203534bf26ff6ebf6815a0f049a4604a6bf6855063bdef15ebdbd4ca3dd79a');
INSERT INTO hashes VALUES(32,X'fd6dc06f483058f92c4939151ebc785fecda70df66f5342a5073955c80655fef');
INSERT INTO hashes VALUES(33,X'f557bbb1935f8a49030b5fc23eb1f3419116e9f14ee59d52328ba8b0533cfce0');
INSERT INTO hashes VALUES(34,X'9c60dbfa5eccfc047caa9cbc7294a83eab16ba2977a3687d4e3e11a1826d872b');
INSERT INTO hashes VALUES(35,X'510833e13b02db935e617bed35872b38009b649ca16ad58a12a5e302f9477a1a');
INSERT INTO hashes VALUES(36,X'7b51270b73cc728e9e8686a40f781ee49febccbebbe884935a6428c93b55eae9');
INSERT INTO hashes VALUES(37,X'b096e2259ebd2d271fd82649c56e4685368eb58531fa538e97764c255d15fd09');
INSERT INTO hashes VALUES(38,X'566df2de40d5cba98a2f0537f73d3dfc6f5da2e0ef8858f171d7c120dc411c15');
INSERT INTO hashes VALUES(39,X'57f14dccba2bdc5c17a04ca188ded793b739e70dcd4621478390d6fe3991f7af');
INSERT INTO hashes VALUES(40,X'b26163c0c51c1fa6b6252c5746e3e694d37baa5cff062ab20c027068f9007abd');
INSERT INTO hashes VALUES(41,X'0001e8be68bb34c9b7c0b481025dff765aa095c34c95410a1b3b95ecf8f8b962');
INSERT INTO hashes VALUES(42,X'160ebf62e227de6eaaad2b2039b45e4e77fba5526d0b7e3ee4d24ddb014a81a8');
INSERT INTO hashes VALUES(43,X'c4937a7df58ec234a56b9f7218742263dfb18bd6cb42ab5ea74fc19a10d6b9f6');
INSERT INTO hashes VALUES(44,X'b393187481bbc3b0fde0c418c2e1a84f543d020d63307de679a3ad602d1b9e91');
INSERT INTO hashes VALUES(45,X'c42d3f5fc93608b04bc8dc11ec0462ff4c470503ccd5fef23cc2f82e651d08da');
INSERT INTO hashes VALUES(46,X'1e7f0e73466a3bbaa5788bb2f35d00ecb262817c024f838aa2f607b16e312678');
INSERT INTO hashes VALUES(47,X'920670a978441b7de6c993fbe4e0ff46d22935158147be151ffeec30e5434891');
INSERT INTO hashes VALUES(48,X'170b4a89301373ba5d46ae9ee71d18ac7f180224d390ac0e7c03749b582fca14');
INSERT INTO hashes VALUES(49,X'37ae06d78afc20b09a2f88d9245a55b52a0b333b82c95a036775defa00c3cd5d');
INSERT INTO hashes VALUES(50,X'cc99e10d37c69c2abfd76e0576b943a2959410319a81fc5e3d28273cdb06d691');
INSERT INTO hashes VALUES(51,X'84d29456258cc339ed73f71fa01270887f7bc5390d4d7c897e92100d7f2d23b6');
INSERT INTO hashes VALUES(52,X'c489c6a57ce5439365769ba1b086f7ebe73f3ea5c8d399e3f5c8507cdf765e4e');
INSERT INTO hashes VALUES(53,X'b448f971b6621fc8cf769b38dec83e36d1e2f168cbf6b5ae1bca15d085b15af6');
INSERT INTO hashes VALUES(54,X'32c3e8740af327770d28c22ed1ed39485dfa8c76a4fcfed4177002cb846d14ca');
INSERT INTO hashes VALUES(55,X'57f9aec2d9b148bd35470f67926cc657d5c3e51aecec400dc8375b0820dd40a8');
INSERT INTO hashes VALUES(56,X'25fc53cce3fc8fb97054f6ee44c894de7a6152629a3b00218b4a63874778940a');
INSERT INTO hashes VALUES(57,X'2501e021fcf2544dac9f037406f2969b6601bc719da8482ec65d5f12d4b2b7ef');
INSERT INTO hashes VALUES(58,X'8af82c8e6fe29b0a211773a1e036e3588b09d5df4cd367d03473ccb6c98e615b');
INSERT INTO hashes VALUES(59,X'f3a6f8f6b1ea221fcd49ce3955a6fdd76fd129b01996f15e8c7ced12820878ad');
INSERT INTO hashes VALUES(60,X'98f08c83e37a62b74ace25ec30df695c83bbcd123b9a24c49a9096ab22bf2a5a');
INSERT INTO hashes VALUES(61,X'464313a0b8d74def77fc7c8abb869d81726215ae92790b30e7daf0919b14679c');
INSERT INTO hashes VALUES(62,X'ab9d12655ef77caaca91633edc3cb568b8c80222cd2193498aa4ffa937237d82');
INSERT INTO hashes VALUES(63,X'58a1775b4b8d353c6d4f47cc4cd4e7abbccf2f9a457909660020a2aab2fe29aa');
INSERT INTO hashes VALUES(64,X'ea34ffe3efe9590d128e584110929ac478368198c13204fd218ebb239a564e59');
INSERT INTO hashes VALUES(65,X'dbc0c53148de7def8473c590fd94c30cb856b0ea3e096186def121cb5d997b2e');
INSERT INTO hashes VALUES(66,X'3b3e4bc7ccb0d08b225e0c11b88642f08a0eb56c6f5d27af285ea302e921caa6');
INSERT INTO hashes VALUES(67,X'74c1bb45d0b70847edd88c9bbcf7bf56c50a9a0f497cacebea89ec6ffe0c2632');
INSERT INTO hashes VALUES(68,X'9c6695d9729a359be126bac1456a47386fce24f31033ffe94fd4e9461dfb23c4');
INSERT INTO hashes VALUES(69,X'5d66af349adb7bb02ba3e8d1552fa2cb2ce7453f698da81db5dee40f598f8246');
INSERT INTO hashes VALUES(70,X'303acc20f3b92f0a424c18b376e20170c55de85cdfe9dc05945dfe3d112b21c6');
INSERT INTO hashes VALUES(71,X'1f52dbd5a8f61fb4755eba26f602b5ed5bdce9c3beee3ac41593e9e7f6f440f3');
INSERT INTO hashes VALUES(72,X'57f750e3408c37b78ed78bfe547c21422a7fb66699e2100e915d93fc27c9266a');
CREATE TABLE head (
  id   INTEGER PRIMARY KEY CHECK (id = 1), -- there is one: the newest
  size INTEGER NOT NULL,                   -- entries that it is over: all
  note TEXT    NOT NULL                    -- signed, C2SP tlog-checkpoint
) STRICT;
INSERT INTO head VALUES(1,38,replace('daybook/f15c68c5a05482a708df6824259ce8f0\n38\np/83Rgek46nagHgrxC00znnHq0HYpqu1Kxp25/1edgE=\n\n— daybook/f15c68c5a05482a708df6824259ce8f0 ycLn1VM1//dh4HX7tmZGHGlAECnlbkGAAbcRX+RDi047goKlvhmtBkOO0m6q2pDgSHlmWImeWG2dbMD/fueNJM0Yqg8=\n','\n',char(10)));
CREATE TABLE signers (
  entry    INTEGER PRIMARY KEY, -- from which on the key signs; the newest row is in force
  origin   TEXT    NOT NULL,
  key      TEXT    NOT NULL,    -- public
  replaces TEXT    NOT NULL,    -- key that it follows by a rotation; '' if it begins an origin
  vouches  INTEGER NOT NULL,    -- first entry that was signed with this origin's keys when it was added
  reason   TEXT    NOT NULL     -- why it begins an origin; '' for a rotation
) STRICT;
INSERT INTO signers VALUES(1,'daybook/091ee68d34c1074c6c760088773a4aba','daybook/091ee68d34c1074c6c760088773a4aba+3603308c+Aa+fl9FHrfOS3BZIddixaBUu73TFt25bcYg3HzEPdmAm','',1,'first entry');
INSERT INTO signers VALUES(33,'daybook/f15c68c5a05482a708df6824259ce8f0','daybook/f15c68c5a05482a708df6824259ce8f0+8083b9a2+AXqaWKK4xoqesZGyIKl+WKcwkeRDMx38DzHGqtSBu8P4','',33,'key lost');
INSERT INTO signers VALUES(34,'daybook/f15c68c5a05482a708df6824259ce8f0','daybook/f15c68c5a05482a708df6824259ce8f0+c9c2e7d5+AUVL3bRLMlCYbR/Il7EfZnfjhISKK09i0RnnE5S38BNS','daybook/f15c68c5a05482a708df6824259ce8f0+8083b9a2+AXqaWKK4xoqesZGyIKl+WKcwkeRDMx38DzHGqtSBu8P4',33,'');
CREATE TABLE anchors (
  entry   INTEGER PRIMARY KEY,
  kind    TEXT    NOT NULL, -- file, tag or witness
  place   TEXT    NOT NULL, -- path relative to the root, name of the tag, or the witness's public key
  size    INTEGER NOT NULL, -- of the head that is there
  root    TEXT    NOT NULL, -- base64
  note    TEXT    NOT NULL  -- the head, with a witness's signature
) STRICT;
INSERT INTO anchors VALUES(31,'file','heads/clinical',30,'hBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=',replace('daybook/091ee68d34c1074c6c760088773a4aba\n30\nhBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=\n\n— daybook/091ee68d34c1074c6c760088773a4aba NgMwjEl2nFnJe3lX91l+0cbn9XpIFSsqonk4d1KGmXJqd2Z0MisKCX1XjMJKrQHXlV7mbE9fuaP7+GnWnu+bGzB+CAc=\n','\n',char(10)));
INSERT INTO anchors VALUES(32,'witness','witness.example+89952b94+BBBI1cGBOuDZzuEzef9GBygMX4R8ibnv3rSY57SJivlo',30,'hBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=',replace('daybook/091ee68d34c1074c6c760088773a4aba\n30\nhBAq2kh2SP+wVtq8JjRy/QQZZs+L1ZKWed8ah0bguaA=\n\n— daybook/091ee68d34c1074c6c760088773a4aba NgMwjEl2nFnJe3lX91l+0cbn9XpIFSsqonk4d1KGmXJqd2Z0MisKCX1XjMJKrQHXlV7mbE9fuaP7+GnWnu+bGzB+CAc=\n— witness.example iZUrlAAAAABppCpAKxkS3TTHMWmkafH4O6ca+wVGBaQA/lBnRtAVrPDo/tzgkvYgNnIIyiFwPZCwmuM5KKy1gB7EMcqEtmQsxIgpDA==\n','\n',char(10)));
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
CREATE TRIGGER hashes_no_update BEFORE UPDATE ON hashes
BEGIN SELECT raise(ABORT, 'hashes are never changed'); END;
CREATE TRIGGER hashes_no_delete BEFORE DELETE ON hashes
BEGIN SELECT raise(ABORT, 'hashes are never deleted'); END;
CREATE TRIGGER head_grows BEFORE UPDATE ON head WHEN NEW.size <= OLD.size
BEGIN SELECT raise(ABORT, 'the head only grows'); END;
CREATE TRIGGER head_no_delete BEFORE DELETE ON head
BEGIN SELECT raise(ABORT, 'the head is never deleted'); END;
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
