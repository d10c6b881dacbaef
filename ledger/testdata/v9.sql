PRAGMA user_version = 9; PRAGMA application_id = 1147238754;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE entries (
  seq     INTEGER PRIMARY KEY,  -- from 1, without gaps
  time    TEXT    NOT NULL,
  type    TEXT    NOT NULL,
  version INTEGER NOT NULL,     -- of the body's schema
  body    TEXT    NOT NULL      -- JSON
) STRICT;
INSERT INTO entries VALUES(1,'2026-03-01T12:00:00Z','origin',1,'{"before":0,"cites":"","key":"daybook/dc57accfdbd25a1d011981c44de11783+df1098de+AYagGl681NXUpB6XHvF6jUlisTSPQZ5GqcWZ79avnpN+","origin":"daybook/dc57accfdbd25a1d011981c44de11783","reason":"first entry"}');
INSERT INTO entries VALUES(2,'2026-03-01T12:00:00Z','dataset',1,'{"bytes":1234,"digest":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","path":"data/notes.jsonl","records":50,"root":"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"}');
INSERT INTO entries VALUES(3,'2026-03-01T12:00:00Z','set',2,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","records":2,"role":"train","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(4,'2026-03-01T12:00:00Z','membership',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","encoding":"e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771","keys":"0790e59bc89dd87287dbd30ae69cf153028961d680a5dc4bc185923f335a2bb6","order":"883061f65acc658bcd9cd368b7e6a85bc126d0a38d870df49c3d2bb69de24fdc","records":2,"replaces":0,"role":"train","set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","trees":{"content":{"root":"d62a185bba6428ce0b655a15792451750248b0cd96a00915f4e107882519dcae","size":2},"example":{"root":"d6b2ac0db1e2b00247a487dcf43fc9614fdc3812800ff1d46af5090dc7dd8489","size":2},"near":{"root":"9c3419d4adc39551d615e2a7f64710aa03228badd3b5f45fa70b7f38eb49b02c","size":2},"record":{"root":"9ea29f4c8d4fe5d4a304e86d644a372f82ef1bf3399742d45fa43347ff2f40eb","size":2}}}');
INSERT INTO entries VALUES(5,'2026-03-01T12:00:00Z','set',2,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","records":2,"role":"validation","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(6,'2026-03-01T12:00:00Z','membership',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","encoding":"e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771","keys":"923c00be0df05c58bcac87612fdd72221e54d192e0ad87223b5fee4092c2f84d","order":"abbe144894da7e17ccd4636e0aacff413fb61fe08382ac988c1b53632443ebaa","records":2,"replaces":0,"role":"validation","set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","trees":{"content":{"root":"74aef93709d538d340b4d4cd0f00f87967a745219c65f4283945f5bcce436bfe","size":2},"example":{"root":"24803d3ff52bc43cd20359e89f333c32887bb9702b64d81c8ef84649a387c776","size":2},"near":{"root":"e97cf66ccc7a6340414c9f9279512b1b9e96e01f489eff21b3a122430b9c9ee9","size":2},"record":{"root":"7d9f06e7b12775775bf05db0845d32b06bc994de4d62d5e4f871c6dffb0f4291","size":2}}}');
INSERT INTO entries VALUES(7,'2026-03-01T12:00:00Z','set',2,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","records":2,"role":"test","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(8,'2026-03-01T12:00:00Z','membership',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","encoding":"e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771","keys":"eb2925c4f5d27fa30f90974ff2fca29023f3978834dd5c8970a6de181e948903","order":"afef6e1a5cd523612d1db80221e1268e31c7dadc6dda95e5fdbe63b0f75f26a4","records":2,"replaces":0,"role":"test","set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","trees":{"content":{"root":"7c192e41ea93836fe2df2ad55200432202d212d7d87c6bf2f59580b5477f4561","size":2},"example":{"root":"5c8a2d58f9312df0bc708022b7d1b6e27298a1c639f50fcbde164714e734ea3e","size":2},"near":{"root":"51d1306c90951cda8387d5f412b31033dd293019ca925f3e6ca54543beb0d6db","size":2},"record":{"root":"4d65048bd4da9d07c487a3c58ae33861f42163f1d20d1627b84b4a76db2e60b9","size":2}}}');
INSERT INTO entries VALUES(9,'2026-03-01T12:00:00Z','sweep',1,'{"args":{"ext":{"a":"<b>"}},"axes":[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}],"data":{"digest":"","duplicates":0,"group_by":"","groups":0,"pool":0,"records":0,"source":"","test":5,"validation":5,"withheld":0},"digest":"dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784","environment":{"go":"go1.26"},"git":{"branch":"main","commit":"c0ffee","dirty":true,"files":["a.txt"],"remote":""},"id":1,"name":"clinical","path":"experiments/clinical/sweep.jsonnet","planned":[{"against":"","axes":null,"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","kind":"evaluate","name":"zero_shot","numerics":"cpu/f32/1","position":0,"spec":{},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"","truncated":0,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"},{"against":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","axes":[{"axis":"rank","label":"4"},{"axis":"seed","label":"0"}],"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","kind":"train","name":"","numerics":"cpu/f32/1","position":1,"spec":{"seed":0,"x":"a&b"},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","truncated":0,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"},{"against":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","axes":[{"axis":"rank","label":"8"},{"axis":"seed","label":"0"}],"base":"cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2","evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","key":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","kind":"train","name":"","numerics":"cpu/f32/1","position":2,"spec":{"seed":0,"x":"a&b"},"test_set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","train_set":"116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58","truncated":1,"validation_set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55"}],"settings":{"select":"loss"},"sources":[{"digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d","path":"sweep.jsonnet"}],"time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(10,'2026-03-01T12:00:00Z','attempt',2,'{"dir":".daybook/runs/baseline/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"evaluate","number":1,"run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24","sweep":1,"worker":""}');
INSERT INTO entries VALUES(11,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":null,"engine":null,"kind":"evaluate","numerics":"","worker":""},"digest":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(12,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"zero_shot","count":2,"epoch":0,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":0.75,"value":0.75,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a","scores":[{"den":[0,1],"metric":"metric0","num":[0.5,0.25],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"base"},"digest":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","seq":2,"time":"2026-03-01T12:00:02Z","type":"evaluated","version":1}],"prev":"798f83603b01db74165c1bef75e84ca00cd0337d5e20832a2c27f5d14d7c6a0c","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(13,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"zero_shot","count":2,"epoch":0,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":0.75,"value":0.75,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1","scores":[{"den":[0,1],"metric":"metric0","num":[0.5,0.25],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"base"},"digest":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","seq":3,"time":"2026-03-01T12:00:03Z","type":"evaluated","version":1}],"prev":"acfe1b252532efa519b826931b51d4083dc210839d40137a1a69d4f918bb13fe","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(14,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"seconds":2},"digest":"7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e","seq":4,"time":"2026-03-01T12:00:04Z","type":"finished","version":1}],"prev":"ccdfef0e0f21a130fba98880ac833059f60fc772d61efb750773de4f7c084dad","run":"8ba8496a2525ae171ffd104d632dede6ef418d9b95962a9d88e2fcdbc8d48d24"}');
INSERT INTO entries VALUES(15,'2026-03-01T12:00:00Z','attempt',2,'{"dir":".daybook/runs/0/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","sweep":1,"worker":"w"}');
INSERT INTO entries VALUES(16,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":{"name":"cpu"},"eight_bit":600,"engine":{"go":"go1.26"},"kind":"train","numerics":"cpu/f32/1","parameters":1000,"steps":3,"worker":"w1"},"digest":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(17,'2026-03-01T12:00:00Z','steps',2,'{"after":[0,1000000000,2000000000],"attempt":1,"epoch":[1,1,1],"grad_norm":[0.5,0.5,0.5],"learning_rate":[0.001,0.001,0.001],"loss":[2,1,0.6666666666666666],"prev":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","seconds":[0.25,0.25,0.25],"seq":2,"step":[1,2,3],"targets":[100,100,100],"time":"2026-03-01T12:00:02Z","tokens":[512,512,512]}');
INSERT INTO entries VALUES(18,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":1.5,"value":1.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f","scores":[{"den":[0,1],"metric":"metric0","num":[1,0.5],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"digest":"f3cbd783a870fc9ff771b056da5ce62518b7172879044e8aebb63223908800ab","seq":5,"time":"2026-03-01T12:00:05Z","type":"evaluated","version":1}],"prev":"60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(19,'2026-03-01T12:00:00Z','epoch',1,'{"attempt":1,"events":[{"body":{"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","best":true,"epoch":1,"path":"epochs/1","seconds":1,"selected":1,"train_loss":1},"digest":"75b58092e7bc8f0a9ce4dca1aa061c7fdb193b1e96fd623d96db0f1c8f1d0654","seq":6,"time":"2026-03-01T12:00:06Z","type":"epoch","version":1}],"prev":"f3cbd783a870fc9ff771b056da5ce62518b7172879044e8aebb63223908800ab","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(20,'2026-03-01T12:00:00Z','checkpoint',1,'{"attempt":1,"events":[{"body":{"path":"checkpoints/1","step":3},"digest":"0574bda56f92905793812b32dc7d64f8bf0e330d2b2d311d8c6372802d5a6e09","seq":7,"time":"2026-03-01T12:00:07Z","type":"checkpoint","version":1}],"prev":"75b58092e7bc8f0a9ce4dca1aa061c7fdb193b1e96fd623d96db0f1c8f1d0654","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(21,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":0,"value":0,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed","scores":[{"den":[0,1],"metric":"metric0","num":[0,0],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"adapter"},"digest":"44afd599238194bf33e9bdd973358c8fd521aacdadf8dffd775d4a596b874875","seq":8,"time":"2026-03-01T12:00:08Z","type":"evaluated","version":1}],"prev":"0574bda56f92905793812b32dc7d64f8bf0e330d2b2d311d8c6372802d5a6e09","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(22,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"adapter":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","chosen_epoch":1,"path":"epochs/1","seconds":9,"steps":3,"tokens":4096},"digest":"54fe2fcce2798d2a71564a58b0465b64d06f267abd1b0d8e86974dcc838b208f","seq":9,"time":"2026-03-01T12:00:09Z","type":"finished","version":1}],"prev":"44afd599238194bf33e9bdd973358c8fd521aacdadf8dffd775d4a596b874875","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(23,'2026-03-01T12:00:00Z','adapter',2,'{"bytes":4096,"digest":"e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13","epoch":1,"path":"adapters/clinical/v0001","run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO entries VALUES(24,'2026-03-01T12:00:00Z','attempt',2,'{"dir":".daybook/runs/1/0001","environment":null,"git":{"branch":"main","commit":"fa11","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","sweep":1,"worker":"w"}');
INSERT INTO entries VALUES(25,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":{"name":"cpu"},"eight_bit":600,"engine":{"go":"go1.26"},"kind":"train","numerics":"cpu/f32/1","parameters":1000,"steps":3,"worker":"w1"},"digest":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(26,'2026-03-01T12:00:00Z','steps',2,'{"after":[0,1000000000,2000000000],"attempt":1,"epoch":[1,1,1],"grad_norm":[0.5,0.5,0.5],"learning_rate":[0.001,0.001,0.001],"loss":[2,1,0.6666666666666666],"prev":"bc54abc3059aa1929684c359a0eeea2b6640a9dca0287d31e20a4a9eff32ad21","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","seconds":[0.25,0.25,0.25],"seq":2,"step":[1,2,3],"targets":[100,100,100],"time":"2026-03-01T12:00:02Z","tokens":[512,512,512]}');
INSERT INTO entries VALUES(27,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":3,"value":3,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"6d40c84445aa583ca9edb074a984bd433cdaa6f2e7666cd5a79d81701ae9cded","scores":[{"den":[0,1],"metric":"metric0","num":[2,1],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"digest":"f738848144845e547bf3a2daeafc499d048e7ca7e5a0ad48eefa274d85d1c6e0","seq":5,"time":"2026-03-01T12:00:05Z","type":"evaluated","version":1}],"prev":"60814d7f34555c075e1b309433410043b33b84d74f15836143be02ae49f7f99b","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(28,'2026-03-01T12:00:00Z','epoch',1,'{"attempt":1,"events":[{"body":{"adapter":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","best":true,"epoch":1,"path":"epochs/1","seconds":1,"selected":1,"train_loss":1},"digest":"53fab2c812925b3522491994a8055c611f6e3c24ea9cb3d9575137bee8649e76","seq":6,"time":"2026-03-01T12:00:06Z","type":"epoch","version":1}],"prev":"f738848144845e547bf3a2daeafc499d048e7ca7e5a0ad48eefa274d85d1c6e0","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(29,'2026-03-01T12:00:00Z','checkpoint',1,'{"attempt":1,"events":[{"body":{"path":"checkpoints/1","step":3},"digest":"5140a9c50c4ca4bf66e9ff3f9c3fa235716369bb87e89bb95d6442ca012f165b","seq":7,"time":"2026-03-01T12:00:07Z","type":"checkpoint","version":1}],"prev":"53fab2c812925b3522491994a8055c611f6e3c24ea9cb3d9575137bee8649e76","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(30,'2026-03-01T12:00:00Z','evaluated',1,'{"attempt":1,"events":[{"body":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","metrics":[{"den":1,"metric":"metric0","num":1.5,"value":1.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"a071ecd945e0476d73f7fea9f2b69a27b031d96540bf7e7d9e81cecc3fd72372","scores":[{"den":[0,1],"metric":"metric0","num":[1,0.5],"version":1}],"seconds":1.5,"set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","split":"test","subject":"adapter"},"digest":"40a6e0f37b3520b5849f3fa90ec93b36b6a4b551f71d8ab8bca63e3c193f8f72","seq":8,"time":"2026-03-01T12:00:08Z","type":"evaluated","version":1}],"prev":"5140a9c50c4ca4bf66e9ff3f9c3fa235716369bb87e89bb95d6442ca012f165b","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(31,'2026-03-01T12:00:00Z','finished',1,'{"attempt":1,"events":[{"body":{"adapter":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","chosen_epoch":1,"path":"epochs/1","seconds":9,"steps":3,"tokens":4096},"digest":"6b8ed3c9361334ec3e25fad7cbbabb0f2919f9f46e2ee8ed72b3192d5424e2d5","seq":9,"time":"2026-03-01T12:00:09Z","type":"finished","version":1}],"prev":"40a6e0f37b3520b5849f3fa90ec93b36b6a4b551f71d8ab8bca63e3c193f8f72","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e"}');
INSERT INTO entries VALUES(32,'2026-03-01T12:00:00Z','adapter',2,'{"bytes":4096,"digest":"6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4","epoch":1,"path":"adapters/clinical/v0002","run":"b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":2}');
INSERT INTO entries VALUES(33,'2026-03-01T12:00:00Z','alias',1,'{"alias":"best","sweep":"clinical","time":"2026-03-01T12:00:00Z","version":1}');
INSERT INTO entries VALUES(34,'2026-03-01T12:00:00Z','set',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"2a51d3547c23a8de50f3e23285a0df356627ef64c300087d3b27173f08ded2a0","list":"c2838aeddbf7a0a9a2dd170cc5e070a5b889bf58196a47afa782bb0bb07b154e","records":2,"role":"train","tokens":201,"truncated":1}');
INSERT INTO entries VALUES(35,'2026-03-01T12:00:00Z','anchor',1,'{"kind":"file","note":"daybook/dc57accfdbd25a1d011981c44de11783\n34\nXKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=\n\n— daybook/dc57accfdbd25a1d011981c44de11783 3xCY3vkFrp+tum8z2ZjUCd0l8wYS6zRm6jtyY0VDd8Qt9o+NYrWTM+sYqbvAIgpigud9rUoUf1fsFYS7zyqEx/RUBgA=\n","place":"heads/clinical"}');
INSERT INTO entries VALUES(36,'2026-03-01T12:00:00Z','anchor',1,'{"kind":"witness","note":"daybook/dc57accfdbd25a1d011981c44de11783\n34\nXKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=\n\n— daybook/dc57accfdbd25a1d011981c44de11783 3xCY3vkFrp+tum8z2ZjUCd0l8wYS6zRm6jtyY0VDd8Qt9o+NYrWTM+sYqbvAIgpigud9rUoUf1fsFYS7zyqEx/RUBgA=\n— witness.example FEyoDwAAAABppCpA/MHVZD7PFe/Gh7kMtGYd16FBFGyIy+Zu1fZUBo1fPEFCdDwaW+1gLungSyu2jLgP0pwUejqxIbmAvxsSeeHmDg==\n","place":"witness.example+144ca80f+BIu2u0rUSb7FeDBPk8kWRwARFF427xLcYuITL+NE3Oa4"}');
INSERT INTO entries VALUES(37,'2026-03-01T12:00:00Z','origin',1,'{"before":36,"cites":"daybook/dc57accfdbd25a1d011981c44de11783\n36\nNMnPhFDOCFV8XxOHPHHDFZhon6bDqUiJRP/MukA7Myo=\n\n— daybook/dc57accfdbd25a1d011981c44de11783 3xCY3iyMIyWNnc09WNteFVpbIlN9oTxLpZLaqO1U5wmIhfD0VRCb/TaNwF7zipkjRRAroQEuwysZ68d8Ikz6TAfpUQg=\n","key":"daybook/f82adf127cc4e0cbf26c326af5127070+b499a090+AWBRQyipcICTi3UGzOgiYXbvUQrqMKoUklt9Gn1qwZTC","origin":"daybook/f82adf127cc4e0cbf26c326af5127070","reason":"key lost"}');
INSERT INTO entries VALUES(38,'2026-03-01T12:00:00Z','key',1,'{"statement":"daybook key rotation v1\ndaybook/f82adf127cc4e0cbf26c326af5127070\n37\nPjOQXpDCl3fny1ac803AkdIvaI63lpF2FMc53M7oG8A=\ndaybook/f82adf127cc4e0cbf26c326af5127070+b499a090+AWBRQyipcICTi3UGzOgiYXbvUQrqMKoUklt9Gn1qwZTC\ndaybook/f82adf127cc4e0cbf26c326af5127070+a74b3298+AXf27D2bn56cddSDYPTH8jpOU5oKME2hFSfccw1zSrGA\n\n— daybook/f82adf127cc4e0cbf26c326af5127070 tJmgkMy9h2jbHQW7cgicAGES1KLSyfrR6ToAZQrdxIFej7flOUERB+/xEWNVDV9xJP9veKtnDoinlw79/0J13bwehgM=\n— daybook/f82adf127cc4e0cbf26c326af5127070 p0symNMa9ZXpDS5RP8rj4dxueH84o9qJn2n1xzJYlhOR6oUh3lbXcWweXX58kI86iBx92dvCyZWfSXIKRWMLzuR+hAg=\n"}');
INSERT INTO entries VALUES(39,'2026-03-01T12:00:00Z','attempt',2,'{"dir":"","environment":{"a":"2","z":"1"},"git":{"branch":"","commit":"","dirty":false,"files":null,"remote":""},"kind":"train","number":1,"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","sweep":0,"worker":""}');
INSERT INTO entries VALUES(40,'2026-03-01T12:00:00Z','started',1,'{"attempt":1,"events":[{"body":{"device":null,"engine":null,"kind":"train","numerics":"","worker":""},"digest":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(41,'2026-03-01T12:00:00Z','failed',1,'{"attempt":1,"events":[{"body":{"error":"NaN"},"digest":"79eb35279e5178ee23478dd1ca9c48d6f08fe98fcc5f9b4615f1c369d8b24790","seq":2,"time":"2026-03-01T12:00:02Z","type":"failed","version":1}],"prev":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(42,'2026-03-01T12:00:00Z','rescored',1,'{"evaluated":{"baseline":"","count":2,"epoch":1,"evaluation":"efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271","list":"c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79","metrics":[{"den":1,"metric":"metric0","num":10.5,"value":10.5,"version":1},{"by":"quality","den":0,"metric":"metric0","num":0,"tag":"clean","value":null,"version":1}],"prediction_key":"68aaf53bf4b53956d5b7541d781136f5b058f9b6cba4f75071b8fbc116da7e9c","predictions":"174824b02c8aa83d8316308abc2373adfc42a3c656c6c74525615f6bc706f296","scores":[{"den":[0,1],"metric":"metric0","num":[7,3.5],"version":1}],"seconds":1.5,"set":"98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55","split":"validation","subject":"adapter"},"run":"c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0"}');
INSERT INTO entries VALUES(43,'2026-03-01T12:00:00Z','merged',1,'{"entries":2,"key":"daybook/35e1fd94ea5b467fd5fc22727afc150c+8211049f+AQY0urWygXjV+dJG8H5IGVXz1eBx3rFDf2RNLDgZNQfK","name":"laptop","note":"daybook/35e1fd94ea5b467fd5fc22727afc150c\n2\n3S6PceoSDzGsSc2DBinl2enl4RgFuh7SaGoztGBGZ08=\n\n— daybook/35e1fd94ea5b467fd5fc22727afc150c ghEEnyJtZHqUjC0+R0a4tq3YVmxY8V89VplI1LdcmswyUho0xbYmxCRN0eZ6jYv785fKXNETwtdLDiQZKm58iu4ykAA=\n","origin":"daybook/35e1fd94ea5b467fd5fc22727afc150c","root":"3S6PceoSDzGsSc2DBinl2enl4RgFuh7SaGoztGBGZ08=","time":"2026-03-01T12:00:00Z"}');
INSERT INTO entries VALUES(44,'2026-03-01T12:00:00Z','attempt',2,'{"dir":"","environment":null,"git":{"branch":"","commit":"","dirty":false,"files":null,"remote":""},"kind":"train","number":2,"run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa","sweep":0,"unauthenticated":true,"worker":""}');
INSERT INTO entries VALUES(45,'2026-03-01T12:00:00Z','started',1,'{"attempt":2,"events":[{"body":{"device":null,"engine":null,"kind":"train","numerics":"","worker":""},"digest":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","seq":1,"time":"2026-03-01T12:00:01Z","type":"started","version":1}],"prev":"","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(46,'2026-03-01T12:00:00Z','failed',1,'{"attempt":2,"events":[{"body":{"error":"no space"},"digest":"fa669451637e9399f411ee24d9fb1c65c718d540cc5a1dc41b6ceb63920db03c","seq":2,"time":"2026-03-01T12:00:02Z","type":"failed","version":1}],"prev":"346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49","run":"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"}');
INSERT INTO entries VALUES(47,'2026-03-01T12:00:00Z','forgotten',1,'{"lists":[{"list":"ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd","now":"c796f94306ec5e5c6f9691713452f0a6d04c670c0d8f63c337478a1c54164c79"}],"records":1,"sets":[{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","role":"test"}]}');
INSERT INTO entries VALUES(48,'2026-03-01T12:00:00Z','membership',1,'{"dataset":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","encoding":"e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771","keys":"3d813f91e46081203e2160d5becc97f41e1e92f6b7042850c250d5a91e046558","order":"7f20b571a284b15c626cfb053761168bd95fce6075bcea18cf698ae357f339f8","records":1,"replaces":8,"role":"test","set":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","trees":{"content":{"root":"5f7b4bdb32c474b16f71b3010a66381b686f2f64997a818792502450ac18d930","size":1},"example":{"root":"586f27424a16e132b560e056cba751a372d6f91e0e1b3c9e999611a91bf87058","size":1},"near":{"root":"cae69d11883fc4b6db3c3d7baa64d7d99921ec3b99565c56f89ab2f66da678ee","size":1},"record":{"root":"834247ff6efb0d197042ed73fe51b3ebf7c8362a111a6c5d1f772d766110e46d","size":1}}}');
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
INSERT INTO sets VALUES(1,'116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','train',2,201,1,'',3);
INSERT INTO sets VALUES(2,'98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','validation',2,201,1,'',5);
INSERT INTO sets VALUES(3,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','test',2,201,1,'',7);
INSERT INTO sets VALUES(4,'2a51d3547c23a8de50f3e23285a0df356627ef64c300087d3b27173f08ded2a0','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','train',2,201,1,'c2838aeddbf7a0a9a2dd170cc5e070a5b889bf58196a47afa782bb0bb07b154e',34);
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
INSERT INTO sweeps VALUES(1,'clinical','experiments/clinical/sweep.jsonnet','dfd33796972c3baa5e1c065390e7e75cf9ac8fb637dd031aa86490f063e79784','[{"path":"sweep.jsonnet","digest":"41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d"}]','{"ext":{"a":"<b>"}}','[{"name":"rank","path":"train.lora.rank"},{"name":"seed","path":"seed"}]','{"source":"","digest":"","records":0,"pool":0,"validation":5,"test":5,"withheld":0,"duplicates":0,"group_by":"","groups":0}','{"select":"loss"}','{"commit":"c0ffee","branch":"main","dirty":true,"files":["a.txt"],"remote":""}','{"go":"go1.26"}',3,'f209b82630a2b622f3b54a8d977e15660bc410bc47c8dcaf3004d6a3f1da6ac3','2026-03-01T12:00:00Z',9);
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
INSERT INTO runs VALUES(4,'d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa','train','failed',2,NULL,0,0);
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
  entry           INTEGER NOT NULL, unauthenticated INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run, number)
) STRICT;
INSERT INTO attempts VALUES(1,1,1,'evaluate',1,'.daybook/runs/baseline/0001','','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',4,'7402bf8c796ae89cfac114405b536cd5efaeb360c1caa653dd49e7ee7166861e','2026-03-01T12:00:01Z','2026-03-01T12:00:04Z','finished','','null','null','',0,0,0,0,0,0,'',0,'','',0,2.0,'','','',10,0);
INSERT INTO attempts VALUES(2,2,1,'train',1,'.daybook/runs/0/0001','w1','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',9,'54fe2fcce2798d2a71564a58b0465b64d06f267abd1b0d8e86974dcc838b208f','2026-03-01T12:00:01Z','2026-03-01T12:00:09Z','finished','cpu/f32/1','{"name":"cpu"}','{"go":"go1.26"}','',0,3,1000,600,3,3,'checkpoints/1',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','epochs/1',4096,9.0,'','','',15,0);
INSERT INTO attempts VALUES(3,3,1,'train',1,'.daybook/runs/1/0001','w1','{"commit":"fa11","branch":"main","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',9,'6b8ed3c9361334ec3e25fad7cbbabb0f2919f9f46e2ee8ed72b3192d5424e2d5','2026-03-01T12:00:01Z','2026-03-01T12:00:09Z','finished','cpu/f32/1','{"name":"cpu"}','{"go":"go1.26"}','',0,3,1000,600,3,3,'checkpoints/1',1,'6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4','epochs/1',4096,9.0,'','','',24,0);
INSERT INTO attempts VALUES(4,4,1,'train',0,'','','{"commit":"","branch":"","dirty":false,"files":null,"remote":""}','{"a":"2","z":"1"}','2026-03-01T12:00:00Z',2,'79eb35279e5178ee23478dd1ca9c48d6f08fe98fcc5f9b4615f1c369d8b24790','2026-03-01T12:00:01Z','2026-03-01T12:00:02Z','failed','','null','null','',0,0,0,0,0,0,'',0,'','',0,0.0,'','NaN','',39,0);
INSERT INTO attempts VALUES(5,4,2,'train',0,'','','{"commit":"","branch":"","dirty":false,"files":null,"remote":""}','null','2026-03-01T12:00:00Z',2,'fa669451637e9399f411ee24d9fb1c65c718d540cc5a1dc41b6ceb63920db03c','2026-03-01T12:00:01Z','2026-03-01T12:00:02Z','failed','','null','null','',0,0,0,0,0,0,'',0,'','',0,0.0,'','no space','',44,1);
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
INSERT INTO journal_lines VALUES(5,1,X'346040622c7cdc295ad91b64cee32e17851d73e1e0b0b1aabe4973ee2ab84f49');
INSERT INTO journal_lines VALUES(5,2,X'fa669451637e9399f411ee24d9fb1c65c718d540cc5a1dc41b6ceb63920db03c');
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
, predictions TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO evaluations VALUES(1,1,1,'base','zero_shot',0,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','77b52c3d411f070d6d687842ed7982f6709cb6f6ce6d7bda3bda7eb45dd6f27a',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'3e4b096efa7c8d49b68b2b8cd52af05b7612baebaf030c430f96b5d8bf3da604','2026-03-01T12:00:02Z',12,'');
INSERT INTO evaluations VALUES(2,1,1,'base','zero_shot',0,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','38219a51693277b53945d27a6c470a425c4f4d491bf2f7528ba4c6c2024526a1',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'ff9109d883ed767ab7c62706b50fd8ba6c4a5f44a7425207166d561ed7f13187','2026-03-01T12:00:03Z',13,'');
INSERT INTO evaluations VALUES(3,2,1,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','4ae571ac844aca630b2c80c9654458cd877d94b988381184400fe0f7d5b9209f',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'d5c6c0578d45543652e333ddf5fd4b82999141664c100802f1b03ae2d9eeb254','2026-03-01T12:00:05Z',18,'');
INSERT INTO evaluations VALUES(4,2,1,'adapter','',1,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','0b2a4ceb843f3e3304b746bf7bd1f1e2655abafeb619eea74bf6ec24f668d5ed',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'46ce6ced554aa2a3135d0c855b60bc1eca640cf3067dcbf7cc54a575432e10e7','2026-03-01T12:00:08Z',21,'');
INSERT INTO evaluations VALUES(5,3,1,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','6d40c84445aa583ca9edb074a984bd433cdaa6f2e7666cd5a79d81701ae9cded',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'0ee3d64ce4cd5d4da0054a0318aa9e40739a88227fb1a01627065fb643e10323','2026-03-01T12:00:05Z',27,'');
INSERT INTO evaluations VALUES(6,3,1,'adapter','',1,'test','9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','a071ecd945e0476d73f7fea9f2b69a27b031d96540bf7e7d9e81cecc3fd72372',2,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',1.5,'36d4bc4390f1e14b1e153ab069da8bddcd5b86a4f6eb9ad6492abb415d2faaa3','2026-03-01T12:00:08Z',30,'');
INSERT INTO evaluations VALUES(7,2,0,'adapter','',1,'validation','98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','efe77b201dc216c0edf435a227df2b2898d3f6ea1ff16e5d4d0d4ec0cf593271','68aaf53bf4b53956d5b7541d781136f5b058f9b6cba4f75071b8fbc116da7e9c',2,'c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',1.5,'02a89d8415509a815bb94900acd7b587ea32f3b4efce3e17ec4224796c8990c4','2026-03-01T12:00:00Z',42,'174824b02c8aa83d8316308abc2373adfc42a3c656c6c74525615f6bc706f296');
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
  entry   INTEGER NOT NULL, files TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (sweep, version),
  UNIQUE (sweep, run, epoch, digest)
) STRICT;
INSERT INTO adapters VALUES('clinical',1,'e5ae0725261d868ee31960470b5ccea19392b3519902e9cdcf869acfae702b13','c18edc685e15bef7fb49700ea5ac09ef374d4051438ed18609fef23fcc77abc0',1,'adapters/clinical/v0001',4096,'2026-03-01T12:00:00Z',23,'{}');
INSERT INTO adapters VALUES('clinical',2,'6a8ec86e946369d2e3b1f4abc4cf7739aca5f92df518f61c0269ffb86b0a40d4','b945d8cb026e35c608337842110ea5e87d6fa88af28b59fc2bec4292be849e2e',1,'adapters/clinical/v0002',4096,'2026-03-01T12:00:00Z',32,'{}');
CREATE TABLE aliases (
  sweep   TEXT    NOT NULL,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL, -- where it points now; entries of type alias say where it pointed
  time    TEXT    NOT NULL,
  entry   INTEGER NOT NULL,
  PRIMARY KEY (sweep, alias)
) STRICT;
INSERT INTO aliases VALUES('clinical','best',1,'2026-03-01T12:00:00Z',33);
CREATE TABLE record_lists (
  digest  TEXT PRIMARY KEY, -- SHA-256 over the IDs
  records BLOB NOT NULL     -- keyed record IDs, 32 bytes each
) STRICT;
INSERT INTO record_lists VALUES('c1d958d7633238886f9112e79ffd3bc611a3d63d6676a140f13208870cb46b79',X'ed1b3e109884671e357f35d9fbe4e5136feb40b1497ee33586a7acaef62799903881ba80c13a2ec1162b27cd94415108b051c9df04ab3a9f6cf2dc92c75ad146');
INSERT INTO record_lists VALUES('ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd',X'61b5a1b6f895f80d07fedeb9d96ec0cc0fd3e649b7bfd3af6ff551e1e37242bb412f0dfb22f3ec74986769771cf09697c0405cf12d63c52dab59c945f2d1d90a');
CREATE TABLE member_lists (
  id     INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE -- SHA-256 over the members
) STRICT;
INSERT INTO member_lists VALUES(1,'c2838aeddbf7a0a9a2dd170cc5e070a5b889bf58196a47afa782bb0bb07b154e');
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
INSERT INTO members VALUES(1,0,X'd6f2dccb935681c97f143ff418f5de1da4ebfa36588d6ce6f4276b6771248a1b',X'1a6a8bf1cbef56e94569e4c51f01ee4dfbfd33b648ccac46042ff306e7c8ba3c',X'3ff0760ec97eca32a78fb0768e3dcfbc2419a3f302602d32e8d4ee53acbdb5d1',100,0);
INSERT INTO members VALUES(1,1,X'dc197e7ab0560154a41c20fb19a9af23b9d2d8172ada664a1059dc8c7f4e7404',X'36912d7eedac908f62ccca79495ea72f75d631fff743da559ff5ab356e8b822c',X'70a798ba1c5a98203d5b7275e8abc9d76274b295f6233bc8128ed27707d0856b',101,1);
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
INSERT INTO hashes VALUES(0,X'5ed410b438b55e8c0d7a2b88b3aeaa64e4ebdf5cccdbb36b05e551217dc23960');
INSERT INTO hashes VALUES(1,X'fb3a2f5536118cd8ba066460e1f74696fb27081498d42346beecb055f1ef7089');
INSERT INTO hashes VALUES(2,X'6afc5a62792c58d2f1844fa816a20916bee3a2a033b65e44e471a337cdc35647');
INSERT INTO hashes VALUES(3,X'cd0b764c88ed06b78ba9c2def24962f1010f3349d8f89e40449985f24f961c36');
INSERT INTO hashes VALUES(4,X'f65aff0c16e08c64481509f10c69d869a7a94ef69615bec7c0f5ec4c7951361e');
INSERT INTO hashes VALUES(5,X'21b7e98b1f0295e441e9162ff62380b0ceee43a4a43a3a2666c5bc91121f857a');
INSERT INTO hashes VALUES(6,X'193e2dd03fb31f991a962373c1fee643958e8ecde0b30315e9f36bf84778a11a');
INSERT INTO hashes VALUES(7,X'24e26211588147e7f5ae0dc44e7da3dc86806c1eeb277bac4e839c73b8c44a0e');
INSERT INTO hashes VALUES(8,X'68de3920a6a496930db147f0bb0a273af2210410ad9e8951c1e5315c03df2372');
INSERT INTO hashes VALUES(9,X'5010e28a41909b8f159ec832827970f65ca6797f8b8d7f57cd9ed7c9cb1d640b');
INSERT INTO hashes VALUES(10,X'e0506fefa2b9eef4e99388a15e673236520ecf85ef3575bf969c979e02c84ba8');
INSERT INTO hashes VALUES(11,X'f5b8a1f0dc42f2c55db63976c9888bb68122250f048271c72e9f99f6dfafa7df');
INSERT INTO hashes VALUES(12,X'57fa4cbfffc6659172022360cb2084250243827cdd05baaf506941915b0642be');
INSERT INTO hashes VALUES(13,X'b9dc6d2acf79bdc1628dc9ebed09b805a1c0ef1d09f3e8a994af319addb7d65a');
INSERT INTO hashes VALUES(14,X'45684e420e8ed14576254e832c33cc35f374f6f9b71aa26d168cea2855b988cf');
INSERT INTO hashes VALUES(15,X'6d2b685655d3fe8d60d6080636d277a43c98bff846db805e3d714d16f3065603');
INSERT INTO hashes VALUES(16,X'245e4ce5301328ae80770bd6e24202d9cb2fa7d3bf6e7312058694490e810f42');
INSERT INTO hashes VALUES(17,X'3597a68d26444a70b381e8e53ea254cddd56729a8847c94943ee38eee199f1c2');
INSERT INTO hashes VALUES(18,X'56765c0d8fcfee5dac56d4e762eae00a5caa2a18c1085a2a78f78d652f66c946');
INSERT INTO hashes VALUES(19,X'56ba9eedf8eaf41900c815feb36dcc8f807ef8ecdd4d8334a341bd372b8f50bd');
INSERT INTO hashes VALUES(20,X'08d83100bbd5f28657ce56dfaa9e19801f2e4207ba8304b9e5ae7de6e4ff3696');
INSERT INTO hashes VALUES(21,X'37ea2626ba54c0bc7eb5b96331067bcafc95d555104e500556567271f09e6659');
INSERT INTO hashes VALUES(22,X'435b7881c042cf543ec3f2513b47382e53ede295a284a51c6a3ea3d7d926ce58');
INSERT INTO hashes VALUES(23,X'5c3e6997b863ece75e2dfe0c68bff771fe4d97215a4e0ed0a67fbfb954717d90');
INSERT INTO hashes VALUES(24,X'f5df13044f98cd9c1e52c326cf1151425c15bef3223ee54cd901bcb04a44a084');
INSERT INTO hashes VALUES(25,X'ca0f520a7cfef673ac77b9a0ef7b4ae6d19cbfb21df3f04a91f7743a2b36b3c7');
INSERT INTO hashes VALUES(26,X'88513f18f251e9d674669939dac78ce3eff64b5eca9995eb677fad5c4d8f1977');
INSERT INTO hashes VALUES(27,X'7c67f8008fa0596fc501d2b5d1c272754745b494f7941357cf5dc9a6f37b8e4e');
INSERT INTO hashes VALUES(28,X'fcdc7bb30d7258bbf03d74c6b5c582313ce4b038c26364be79658009abb90e6a');
INSERT INTO hashes VALUES(29,X'857182f65c23f8c1857902c25f3f175477b12e93068b68027f0963d4b6f010f4');
INSERT INTO hashes VALUES(30,X'bf4c4e7b806a2185a1d66cfbe6329cb95ebe7c8ad9428b411353c66be786d737');
INSERT INTO hashes VALUES(31,X'4cdfb5663131150ac6177bf958dc763b86ef911a86633a9d0412205804d0a954');
INSERT INTO hashes VALUES(32,X'6f6f7ca0cf0b3219767f679fc9811a4f05ccbaad64ad72e8243f12401efce6bb');
INSERT INTO hashes VALUES(33,X'683eb3de12365b35f3b22a7329a50ea59d22116387ebfc5ebb09be70ace772d3');
INSERT INTO hashes VALUES(34,X'db47b5d47c170618e2be2a110644584087896d67d4c1d6854aee2e4b10adc3ef');
INSERT INTO hashes VALUES(35,X'8f588d415c9eec075acbadd636091f96456febf81abc636ec32ecbb309a5f0b8');
INSERT INTO hashes VALUES(36,X'd04570e4e27dc3a8f2003984bc7b5ae0d8431b4eb4454386e32724c0f928a421');
INSERT INTO hashes VALUES(37,X'd2eb1f6a948a8c3291d8a9d7fcbda1ab70617adbb32c0acc9eaa8375ed58ae8e');
INSERT INTO hashes VALUES(38,X'2b3cbd82090ff7c7c018e96ff4098ec1e78b0cbcf7a17397f87d331a44978cba');
INSERT INTO hashes VALUES(39,X'9ce9fa7db4297b6950de55df8e0dcea73204fcb296ffdb1a9c84178f9b1c3555');
INSERT INTO hashes VALUES(40,X'd2b4ab5cb378dbb0e0893784f5bc68379944173929128d4612ade73a91462937');
INSERT INTO hashes VALUES(41,X'efa6a7c902c3f8892d8f39fbbc46534b5ad310dbc757c91b15f75ada550860c5');
INSERT INTO hashes VALUES(42,X'b3da827266ef53960e09e5ecc3ae2097e449835a50a9d2c7a11320aec5f7c90c');
INSERT INTO hashes VALUES(43,X'c0d9e686664bd8c7dc03306609ff8cc21093318c2edbd45013bcafe03ff6583c');
INSERT INTO hashes VALUES(44,X'f88a5708e4467ae5d4ab394c24dcd6640ed33a77d756a1a70b9675338c788da5');
INSERT INTO hashes VALUES(45,X'f0d6a77ba086d65080346ff008ac2eb430961a67ccd106b92f219e80f1c2a391');
INSERT INTO hashes VALUES(46,X'1333b3679c697a5939476e184079d534f715107626e4e88e8819251a8ef04fca');
INSERT INTO hashes VALUES(47,X'0d1c97dfc90ab54a4ae0ea277816712267349d661e998c0487f71bb76b6d8ec8');
INSERT INTO hashes VALUES(48,X'46d62d61641d3c1275f6f803e5f7906fa0a5f717ce5d28118ce2e08564cd0074');
INSERT INTO hashes VALUES(49,X'b061cd7dc5f65af4497682f31e2ebc4512c95a6dca9ef30573572a73a5460734');
INSERT INTO hashes VALUES(50,X'7decbd3e572b7eb274239b0192556b0de167f5a64aa2816c84c2be155a8da1f5');
INSERT INTO hashes VALUES(51,X'c325a8ae1752731c5e68d0f2e78bc359ce00f736af98c2317f2239b3665047d4');
INSERT INTO hashes VALUES(52,X'bb929b3d0ccbfe561f9f97bedc7ba2a59bf95f0d3b8d275a2af8d8ff926d2576');
INSERT INTO hashes VALUES(53,X'25b659b276bc733ee4913791e8934d99d06f7fede3de09f3dec07a1627d329a4');
INSERT INTO hashes VALUES(54,X'c90f1ea8c6f6b909933a798a420e598955f3f81984591e1f70cc0423084d9a5d');
INSERT INTO hashes VALUES(55,X'5e5177d49ffe39f7ca05aab83054a8a3d97ebc00ef91fa6b5929796509612215');
INSERT INTO hashes VALUES(56,X'001de8a02a70287b60e70b19ad0b5a101becdd511186ca331d173b0916f19110');
INSERT INTO hashes VALUES(57,X'6895ee464beae044c00ac14cfc788dc6c540c4d3041452907ceef6877a813e36');
INSERT INTO hashes VALUES(58,X'bfa52449f2f6dbc1ab409f2aa4640e1f2c19b3ebc2e804fc0f65c359fdcbaecd');
INSERT INTO hashes VALUES(59,X'1c8e1c104f8bd77f5cc75781b4fb970d90eb91b065cdca06295aee86322738b9');
INSERT INTO hashes VALUES(60,X'e0ab9ad2fd75a1850a341b636eb205f746455760db2dbc6daa5bd4fc099c626d');
INSERT INTO hashes VALUES(61,X'6fabf30cc9db3f7026f3e73b5fd90854b6b973e42f9cfbbb4a41bd230f5601fb');
INSERT INTO hashes VALUES(62,X'b7a0d0d83d06d25390b1efc055eff0a641bc8f05f01c27f1c1de452738041cf2');
INSERT INTO hashes VALUES(63,X'7cac380262d5706727a90675924e1e1e7897139e3ef6a086857a40650edcf39a');
INSERT INTO hashes VALUES(64,X'4641132535b2b8c264867155cbe924eeea92adbd9cd491e8acdb80eff26c4f95');
INSERT INTO hashes VALUES(65,X'31455d7cc40c1625e0425ac8d4d9be0cbfc5678bcd99d1d90b6c4a3296724a1c');
INSERT INTO hashes VALUES(66,X'2a466c0428a97e81bbb4a2d784e2e0387d26312b60a730dd19a8e0a57c93c997');
INSERT INTO hashes VALUES(67,X'160f3126976d8a7725433f2384b9788c5d81e83590f553c62dfc0627614bc470');
INSERT INTO hashes VALUES(68,X'e2caeeb4b4dae674c4080f6f979b04544669144a922b6bbda68497ea75203efb');
INSERT INTO hashes VALUES(69,X'12843c01f013a68dd6b6291ef8d75f8e1b05b860700681991e2be5e1ec9cd863');
INSERT INTO hashes VALUES(70,X'49a0f351a39301dc676e6713f7d843788366769fe5cd717b502f8a6722bf0b5f');
INSERT INTO hashes VALUES(71,X'aacf41010d2cf0437156112b3e36c5efaf83a8e552047b6d70051dbde1ec8547');
INSERT INTO hashes VALUES(72,X'68cb25376f9b88820bd315009bc8b9cf75c6dcf909e2a45056b3b293f68fed07');
INSERT INTO hashes VALUES(73,X'1bafb563b1e86e116bf7f3b8fd9236afce28e9d955d9355b4b0aaa968e96e5fb');
INSERT INTO hashes VALUES(74,X'abce8be208ba8949e2c4e175e2a6305fe5c92e577eacb1b4bf11bf8ed4917682');
INSERT INTO hashes VALUES(75,X'eda824cf4331cd55ebdfd2d7a78ef98c178d804493cfb49a09b31fb83ede8c84');
INSERT INTO hashes VALUES(76,X'970d1e995d8bd3ffd2ba0bcb86685d30cc07fddea23cbfc2a7f09cacb963f753');
INSERT INTO hashes VALUES(77,X'6e1995d49416536a5ce515980d9589f2d9618c7f4ca22d0331dec3834c767f4b');
INSERT INTO hashes VALUES(78,X'662f673f7b417a7cfcb622d1fb98dcd644925606427c95204b552f4a0ce53d41');
INSERT INTO hashes VALUES(79,X'f31a5484322ca57ae772277f3cd20040eb8ab086a046aa0d87367a6a9a6b6f8a');
INSERT INTO hashes VALUES(80,X'1a28622dc28a88c929c75e6c751dae720e9243ad21df2a3e1eae7cff4aa767e7');
INSERT INTO hashes VALUES(81,X'c2db6e58e0f51f6ce4163353f880db6c56de57d967951c5b030970e34ebf1116');
INSERT INTO hashes VALUES(82,X'71613f98c68e43f3475a214267778776fd983987ad76c8fecbb3eccae79176a9');
INSERT INTO hashes VALUES(83,X'8f060e8cc77ac5f3c6eb1537fe0e0e88628dc0a1254cf8f78a7945d76a01aa73');
INSERT INTO hashes VALUES(84,X'9cc65f25c113c2706ffc0003ea3364f16be12990644762f0cf192b51fc0873e7');
INSERT INTO hashes VALUES(85,X'd04a14433ffc8cd71484194ad93bcf44e4e3c2aa6ab97b72d8cf422618a08d5e');
INSERT INTO hashes VALUES(86,X'edf1c206bca02df7de875227d767b9488a5d515b0f99a9e6ea2a5b65c43017cd');
INSERT INTO hashes VALUES(87,X'87ee9471e5482c1698abf1b11a2d56bf0229251be9783b2fabc01d706c3c078d');
INSERT INTO hashes VALUES(88,X'f6ee1cc94351248cd2b08891715ad3382bd7f99c350cbbdb8142f1bdd058addc');
INSERT INTO hashes VALUES(89,X'cad0d8309cf882f414565bef95609e9781d68d266feecb933fd1c94658dd06a6');
INSERT INTO hashes VALUES(90,X'abdfedf95185f97bd5a9c7046e4315f1a2c28ffcd4ea252dfc060515c08a6215');
INSERT INTO hashes VALUES(91,X'301e7c34f180db684e8593183996b627ba9da285246a99d09d10afd9015e0803');
INSERT INTO hashes VALUES(92,X'ccc6b520003421f385feceec7c7bc627fd0a4f30d18309140db211158e5a0350');
INSERT INTO hashes VALUES(93,X'0b0712897fab8aaf55ed20cbb0ddbd522a91289d43c2f1f8a01aa25e33e0d3f5');
CREATE TABLE head (
  id   INTEGER PRIMARY KEY CHECK (id = 1), -- there is one: the newest
  size INTEGER NOT NULL,                   -- entries that it is over: all
  note TEXT    NOT NULL                    -- signed, C2SP tlog-checkpoint
) STRICT;
INSERT INTO head VALUES(1,48,replace('daybook/f82adf127cc4e0cbf26c326af5127070\n48\nAju86U7kUeZyDwes8+ebH52TLQ8xF3ak7IqaihFQEO4=\n\n— daybook/f82adf127cc4e0cbf26c326af5127070 p0symLym/lUvH4C7XEy7yUDA1ihFlFEACc/Ky3bQKCMcKP7FN4NizOWLR/Ih5xFw7FjKepPURQsiI29PkLoi79JmIgE=\n','\n',char(10)));
CREATE TABLE signers (
  entry    INTEGER PRIMARY KEY, -- from which on the key signs; the newest row is in force
  origin   TEXT    NOT NULL,
  key      TEXT    NOT NULL,    -- public
  replaces TEXT    NOT NULL,    -- key that it follows by a rotation; '' if it begins an origin
  vouches  INTEGER NOT NULL,    -- first entry that was signed with this origin's keys when it was added
  reason   TEXT    NOT NULL     -- why it begins an origin; '' for a rotation
) STRICT;
INSERT INTO signers VALUES(1,'daybook/dc57accfdbd25a1d011981c44de11783','daybook/dc57accfdbd25a1d011981c44de11783+df1098de+AYagGl681NXUpB6XHvF6jUlisTSPQZ5GqcWZ79avnpN+','',1,'first entry');
INSERT INTO signers VALUES(37,'daybook/f82adf127cc4e0cbf26c326af5127070','daybook/f82adf127cc4e0cbf26c326af5127070+b499a090+AWBRQyipcICTi3UGzOgiYXbvUQrqMKoUklt9Gn1qwZTC','',37,'key lost');
INSERT INTO signers VALUES(38,'daybook/f82adf127cc4e0cbf26c326af5127070','daybook/f82adf127cc4e0cbf26c326af5127070+a74b3298+AXf27D2bn56cddSDYPTH8jpOU5oKME2hFSfccw1zSrGA','daybook/f82adf127cc4e0cbf26c326af5127070+b499a090+AWBRQyipcICTi3UGzOgiYXbvUQrqMKoUklt9Gn1qwZTC',37,'');
CREATE TABLE anchors (
  entry   INTEGER PRIMARY KEY,
  kind    TEXT    NOT NULL, -- file, tag or witness
  place   TEXT    NOT NULL, -- path relative to the root, name of the tag, or the witness's public key
  size    INTEGER NOT NULL, -- of the head that is there
  root    TEXT    NOT NULL, -- base64
  note    TEXT    NOT NULL  -- the head, with a witness's signature
) STRICT;
INSERT INTO anchors VALUES(35,'file','heads/clinical',34,'XKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=',replace('daybook/dc57accfdbd25a1d011981c44de11783\n34\nXKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=\n\n— daybook/dc57accfdbd25a1d011981c44de11783 3xCY3vkFrp+tum8z2ZjUCd0l8wYS6zRm6jtyY0VDd8Qt9o+NYrWTM+sYqbvAIgpigud9rUoUf1fsFYS7zyqEx/RUBgA=\n','\n',char(10)));
INSERT INTO anchors VALUES(36,'witness','witness.example+144ca80f+BIu2u0rUSb7FeDBPk8kWRwARFF427xLcYuITL+NE3Oa4',34,'XKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=',replace('daybook/dc57accfdbd25a1d011981c44de11783\n34\nXKKDZrH4MxcdiTcwCnGAMJ5d1blKT96Q1cDucyZft0U=\n\n— daybook/dc57accfdbd25a1d011981c44de11783 3xCY3vkFrp+tum8z2ZjUCd0l8wYS6zRm6jtyY0VDd8Qt9o+NYrWTM+sYqbvAIgpigud9rUoUf1fsFYS7zyqEx/RUBgA=\n— witness.example FEyoDwAAAABppCpA/MHVZD7PFe/Gh7kMtGYd16FBFGyIy+Zu1fZUBo1fPEFCdDwaW+1gLungSyu2jLgP0pwUejqxIbmAvxsSeeHmDg==\n','\n',char(10)));
CREATE TABLE reproductions (
  entry    INTEGER PRIMARY KEY,
  run      TEXT    NOT NULL, -- key
  attempt  INTEGER NOT NULL, -- whose results it was compared with
  outcome  TEXT    NOT NULL, -- identical, different, within, beyond or unjudged
  adapter  TEXT    NOT NULL, -- that it gave
  numerics TEXT    NOT NULL,
  body     TEXT    NOT NULL, -- JSON: the whole of it
  time     TEXT    NOT NULL
) STRICT;
CREATE TABLE bases (
  digest        TEXT NOT NULL, -- of the weights and config.json
  model         TEXT NOT NULL, -- as specs name it, and with which chat template
  chat_template TEXT NOT NULL,
  tokenizer     TEXT NOT NULL,
  template      TEXT NOT NULL,
  repository    TEXT NOT NULL,
  revision      TEXT NOT NULL,
  license       TEXT NOT NULL,
  identity      TEXT NOT NULL UNIQUE, -- digest of the fact
  entry         INTEGER PRIMARY KEY
, merged TEXT NOT NULL DEFAULT '{}') STRICT;
CREATE TABLE signoffs (
  entry    INTEGER PRIMARY KEY,
  adapter  TEXT NOT NULL,
  decision TEXT NOT NULL,
  person   TEXT NOT NULL,
  reason   TEXT NOT NULL,
  time     TEXT NOT NULL
) STRICT;
CREATE TABLE memberships (
  entry         INTEGER PRIMARY KEY,
  set_digest    TEXT    NOT NULL,
  dataset       TEXT    NOT NULL,
  role          TEXT    NOT NULL,
  records       INTEGER NOT NULL,
  encoding      TEXT    NOT NULL, -- digest of what makes examples of records
  key_digest    TEXT    NOT NULL,
  order_digest  TEXT    NOT NULL,
  trees         TEXT    NOT NULL, -- JSON: identity to root and size
  replaces      INTEGER NOT NULL  -- entry that committed to the set before; 0 if none did
) STRICT;
INSERT INTO memberships VALUES(4,'116f54c41d0405dbb10e7b04ebc31e262a5b8c85c1233fcf36eaee344d91ae58','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','train',2,'e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771','0790e59bc89dd87287dbd30ae69cf153028961d680a5dc4bc185923f335a2bb6','883061f65acc658bcd9cd368b7e6a85bc126d0a38d870df49c3d2bb69de24fdc','{"content":{"root":"d62a185bba6428ce0b655a15792451750248b0cd96a00915f4e107882519dcae","size":2},"example":{"root":"d6b2ac0db1e2b00247a487dcf43fc9614fdc3812800ff1d46af5090dc7dd8489","size":2},"near":{"root":"9c3419d4adc39551d615e2a7f64710aa03228badd3b5f45fa70b7f38eb49b02c","size":2},"record":{"root":"9ea29f4c8d4fe5d4a304e86d644a372f82ef1bf3399742d45fa43347ff2f40eb","size":2}}',0);
INSERT INTO memberships VALUES(6,'98c41dcd20b86b86830ec0794559835614458ceaae0f0ec77a3ed1cd3a1f7d55','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','validation',2,'e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771','923c00be0df05c58bcac87612fdd72221e54d192e0ad87223b5fee4092c2f84d','abbe144894da7e17ccd4636e0aacff413fb61fe08382ac988c1b53632443ebaa','{"content":{"root":"74aef93709d538d340b4d4cd0f00f87967a745219c65f4283945f5bcce436bfe","size":2},"example":{"root":"24803d3ff52bc43cd20359e89f333c32887bb9702b64d81c8ef84649a387c776","size":2},"near":{"root":"e97cf66ccc7a6340414c9f9279512b1b9e96e01f489eff21b3a122430b9c9ee9","size":2},"record":{"root":"7d9f06e7b12775775bf05db0845d32b06bc994de4d62d5e4f871c6dffb0f4291","size":2}}',0);
INSERT INTO memberships VALUES(8,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','test',2,'e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771','eb2925c4f5d27fa30f90974ff2fca29023f3978834dd5c8970a6de181e948903','afef6e1a5cd523612d1db80221e1268e31c7dadc6dda95e5fdbe63b0f75f26a4','{"content":{"root":"7c192e41ea93836fe2df2ad55200432202d212d7d87c6bf2f59580b5477f4561","size":2},"example":{"root":"5c8a2d58f9312df0bc708022b7d1b6e27298a1c639f50fcbde164714e734ea3e","size":2},"near":{"root":"51d1306c90951cda8387d5f412b31033dd293019ca925f3e6ca54543beb0d6db","size":2},"record":{"root":"4d65048bd4da9d07c487a3c58ae33861f42163f1d20d1627b84b4a76db2e60b9","size":2}}',0);
INSERT INTO memberships VALUES(48,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','test',1,'e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771','3d813f91e46081203e2160d5becc97f41e1e92f6b7042850c250d5a91e046558','7f20b571a284b15c626cfb053761168bd95fce6075bcea18cf698ae357f339f8','{"content":{"root":"5f7b4bdb32c474b16f71b3010a66381b686f2f64997a818792502450ac18d930","size":1},"example":{"root":"586f27424a16e132b560e056cba751a372d6f91e0e1b3c9e999611a91bf87058","size":1},"near":{"root":"cae69d11883fc4b6db3c3d7baa64d7d99921ec3b99565c56f89ab2f66da678ee","size":1},"record":{"root":"834247ff6efb0d197042ed73fe51b3ebf7c8362a111a6c5d1f772d766110e46d","size":1}}',8);
CREATE TABLE forgotten_sets (
  entry      INTEGER NOT NULL, -- that a record of the set was forgotten
  set_digest TEXT    NOT NULL,
  role       TEXT    NOT NULL,
  dataset    TEXT    NOT NULL,
  PRIMARY KEY (entry, set_digest, role, dataset)
) STRICT, WITHOUT ROWID;
INSERT INTO forgotten_sets VALUES(47,'9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08','test','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576');
CREATE TABLE forgotten_lists (
  entry INTEGER NOT NULL,
  list  TEXT    NOT NULL, -- digest that names a list in record_lists or member_lists
  now   TEXT    NOT NULL, -- digest of what is left of it
  PRIMARY KEY (entry, list)
) STRICT, WITHOUT ROWID;
INSERT INTO forgotten_lists VALUES(47,'ab647c3eed5d0db7db2b399758f3ef7b63f23237d73f368f69c5ac431a1b1ecd','c796f94306ec5e5c6f9691713452f0a6d04c670c0d8f63c337478a1c54164c79');
CREATE TABLE member_pools (
  id       INTEGER PRIMARY KEY,
  dataset  TEXT NOT NULL,
  encoding TEXT NOT NULL,
  UNIQUE (dataset, encoding)
) STRICT;
INSERT INTO member_pools VALUES(1,'b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','e8424ea5339b85a750ab5f4c63bde5d5c62975792a3bed6ccb37c045207c6771');
CREATE TABLE member_segments ( -- records that were added to a pool at once
  id        INTEGER PRIMARY KEY,
  pool      INTEGER NOT NULL REFERENCES member_pools (id),
  bits      INTEGER NOT NULL, -- of an identifier that name its bucket
  positions BLOB    NOT NULL, -- in the dataset: roaring bitmap
  truncated BLOB    NOT NULL  -- those of records that were cut: roaring bitmap
) STRICT;
INSERT INTO member_segments VALUES(1,1,0,X'3a30000001000000000001001000000000000100',X'3a3000000100000000000000100000000100');
INSERT INTO member_segments VALUES(2,1,0,X'3a30000001000000000001001000000002000300',X'3a3000000100000000000000100000000300');
INSERT INTO member_segments VALUES(3,1,0,X'3a3000000100000000000000100000000600',X'3a30000000000000');
CREATE TABLE member_ids (
  segment INTEGER NOT NULL REFERENCES member_segments (id),
  kind    INTEGER NOT NULL, -- of identity, from 0: record, content, example, near
  bucket  INTEGER NOT NULL, -- first bits of the identifiers
  ids     BLOB    NOT NULL, -- sorted: 32 bytes keyed identifier, 4 bytes position, big-endian
  PRIMARY KEY (segment, kind, bucket)
) STRICT;
INSERT INTO member_ids VALUES(1,0,0,X'226eff0776f36af784b381b09cd91f9c9ef8c4ba45f737d2d1d5e8120e3f75f6000000006f0b34c279823e2bd801cee20d7e774ff3d86d3478b4783dc4e24f808b878aab00000001');
INSERT INTO member_ids VALUES(1,1,0,X'3af63c8be24cad0c8b119d519be110de0a888b155490c9e4f3128d5196a55b6d00000000bb5db44d3e7d9b80f7aaa7d6b61fc7dd1067a764858c31d046b4f55cde76dd2900000001');
INSERT INTO member_ids VALUES(1,2,0,X'065c56c5b3858be1c9fbb1c348a42531a52ab68418b1444c30beaf447a16db9f0000000154990b336719ac0067492fb34a78ddcda2ba045647e8652d19dc236216e12c4d00000000');
INSERT INTO member_ids VALUES(1,3,0,X'19dfa78960f0eea7de2041e89f848f245534e8be20b2cb5d166e455be23f30990000000131ab42bd7314cf79e6db257dca8ae21713b6e871f744d55738d9d7aa9371139300000000');
INSERT INTO member_ids VALUES(2,0,0,X'3881ba80c13a2ec1162b27cd94415108b051c9df04ab3a9f6cf2dc92c75ad14600000003ed1b3e109884671e357f35d9fbe4e5136feb40b1497ee33586a7acaef627999000000002');
INSERT INTO member_ids VALUES(2,1,0,X'10ab1bea689e2548825dbb6eb4e21943b0ed5e3ec93c710781e61a3dc9143568000000029c3f6283fe33fde7fb9c146ee6ed01dd5bf33e5b0a1c24ba7ad6f6ae19c2c84e00000003');
INSERT INTO member_ids VALUES(2,2,0,X'892dc3341c8887a92fb10f98e0d34dcbbc5052e97d67d3666af69dbbaa7d897e00000002e460744e88171d9a37a61df19316a18cdf3a7244798004f9afa0a7ac36d5797e00000003');
INSERT INTO member_ids VALUES(2,3,0,X'6272aed932d522eb69c2a2826ec14cc38e7d89c253262208cc7abd5223d4d3f500000003f650915b93fef5b7cecf14dbc932767be60db9e529815b69177cbafc060bb0fe00000002');
INSERT INTO member_ids VALUES(3,0,0,X'61b5a1b6f895f80d07fedeb9d96ec0cc0fd3e649b7bfd3af6ff551e1e37242bb00000006');
INSERT INTO member_ids VALUES(3,1,0,X'efc62037700f03447f68dbd0762b35668a3047a3268e68b3a0739a6f4370bcd200000006');
INSERT INTO member_ids VALUES(3,2,0,X'4bb06c206ba55cc0e904ac111d2c9ffcec2ef4a1ce4e32f2431c03ac1ed9b1f600000006');
INSERT INTO member_ids VALUES(3,3,0,X'6718aa116bc246825c9a7e37834b717d1c18cfff88b2ff9a57865d5e2bda937000000006');
CREATE TABLE set_members (
  entry    INTEGER PRIMARY KEY, -- that commits to them
  pool     INTEGER NOT NULL REFERENCES member_pools (id),
  key      BLOB    NOT NULL,    -- of the commitment
  ordering BLOB                 -- positions in the set's order, 4 bytes each, big-endian; NULL if they ascend
) STRICT;
INSERT INTO set_members VALUES(4,1,X'd526eec15281c4e9365ce96d6780d612a9cc97bd2a0a256e3964244d0805112e',NULL);
INSERT INTO set_members VALUES(6,1,X'1753bc1e9309ac6937ab38496d881cca5620e5fa868260e5c08e775afea8dd29',NULL);
INSERT INTO set_members VALUES(48,1,X'96bea77335a0726eec7ad8e1cccb655fd75af69164c8ef1edeae88d4247ea42d',X'00000006ffffffff');
CREATE TABLE set_positions (
  chunk     INTEGER NOT NULL, -- high bits of positions, above 16
  entry     INTEGER NOT NULL REFERENCES set_members (entry),
  positions BLOB    NOT NULL, -- their low 16 bits: roaring bitmap
  PRIMARY KEY (chunk, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO set_positions VALUES(0,4,X'3a30000001000000000001001000000000000100');
INSERT INTO set_positions VALUES(0,6,X'3a30000001000000000001001000000002000300');
INSERT INTO set_positions VALUES(0,48,X'3a3000000100000000000000100000000600');
CREATE TABLE origins (
  entry   INTEGER PRIMARY KEY, -- of one name, the newest row counts
  name    TEXT    NOT NULL,    -- under which its runs and versions are known here
  origin  TEXT    NOT NULL,    -- '' if nobody has signed the log
  key     TEXT    NOT NULL,    -- public; '' likewise
  entries INTEGER NOT NULL,    -- that the head is over
  root    TEXT    NOT NULL,    -- base64
  note    TEXT    NOT NULL,    -- the head, signed; '' likewise
  time    TEXT    NOT NULL
) STRICT;
INSERT INTO origins VALUES(43,'laptop','daybook/35e1fd94ea5b467fd5fc22727afc150c','daybook/35e1fd94ea5b467fd5fc22727afc150c+8211049f+AQY0urWygXjV+dJG8H5IGVXz1eBx3rFDf2RNLDgZNQfK',2,'3S6PceoSDzGsSc2DBinl2enl4RgFuh7SaGoztGBGZ08=',replace('daybook/35e1fd94ea5b467fd5fc22727afc150c\n2\n3S6PceoSDzGsSc2DBinl2enl4RgFuh7SaGoztGBGZ08=\n\n— daybook/35e1fd94ea5b467fd5fc22727afc150c ghEEnyJtZHqUjC0+R0a4tq3YVmxY8V89VplI1LdcmswyUho0xbYmxCRN0eZ6jYv785fKXNETwtdLDiQZKm58iu4ykAA=\n','\n',char(10)),'2026-03-01T12:00:00Z');
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
CREATE INDEX reproductions_run ON reproductions (run);
CREATE INDEX bases_digest ON bases (digest, model, chat_template);
CREATE INDEX signoffs_adapter ON signoffs (adapter);
CREATE INDEX memberships_set ON memberships (set_digest, role, dataset);
CREATE INDEX memberships_replaces ON memberships (replaces);
CREATE INDEX forgotten_sets_set ON forgotten_sets (set_digest);
CREATE INDEX forgotten_lists_list ON forgotten_lists (list);
CREATE INDEX member_segments_pool ON member_segments (pool);
CREATE INDEX set_positions_entry ON set_positions (entry);
CREATE INDEX origins_name ON origins (name);
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
