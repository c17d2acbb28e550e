BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'tables','2026-12-01 18:57:23',1,X'8165C9F281AA26E293F78526F410035A90849BABCE2E6DF698AD804FAAE61D195FCC7F549EBC4515CC4C371143453D02',7482007);
CREATE TABLE agent_sightings (
    agent         TEXT    NOT NULL,
    replica       TEXT    NOT NULL,
    incarnation   BLOB    NOT NULL,
    region        TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    max_in_flight INTEGER NOT NULL,
    in_flight     INTEGER NOT NULL,
    draining      INTEGER NOT NULL,
    clock_skew_us INTEGER NOT NULL,
    heard         INTEGER NOT NULL,
    PRIMARY KEY (agent, replica)
) STRICT, WITHOUT ROWID;
INSERT INTO "agent_sightings" VALUES('default/agent-2','replica-1',X'AA77A3CA777FAAE845DE7AFD552599DC','default','0.1.0',512,2,0,-8182,1796151455605037);
CREATE TABLE attempt_stats (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    hour         INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    -- Of each duration; src/sqlite/histogram.rs.
    counts       BLOB    NOT NULL,
    PRIMARY KEY (tenant, subscription, hour, outcome)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempt_stats" VALUES('acme','asked',1796148000000000,2,X'D20201');
INSERT INTO "attempt_stats" VALUES('acme','blocked',1796148000000000,9,X'37016901');
INSERT INTO "attempt_stats" VALUES('acme','down',1796148000000000,2,X'8B020176019002010301');
INSERT INTO "attempt_stats" VALUES('acme','filtered',1796148000000000,1,X'CD0201');
INSERT INTO "attempt_stats" VALUES('acme','flaky',1796148000000000,1,X'920501');
INSERT INTO "attempt_stats" VALUES('acme','flaky',1796148000000000,2,X'FC0101');
INSERT INTO "attempt_stats" VALUES('acme','hanging',1796148000000000,11,X'0001');
INSERT INTO "attempt_stats" VALUES('acme','kept',1796148000000000,2,X'9305010601');
INSERT INTO "attempt_stats" VALUES('acme','late',1796148000000000,2,X'8802013D01');
INSERT INTO "attempt_stats" VALUES('acme','later',1796148000000000,2,X'A002010301990201');
INSERT INTO "attempt_stats" VALUES('acme','lost',1796148000000000,1,X'E10201');
INSERT INTO "attempt_stats" VALUES('acme','lost',1796148000000000,11,X'0001');
INSERT INTO "attempt_stats" VALUES('acme','newcomer',1796148000000000,1,X'BD0201');
INSERT INTO "attempt_stats" VALUES('acme','ordered',1796148000000000,2,X'CB0201');
INSERT INTO "attempt_stats" VALUES('acme','orders',1796148000000000,1,X'A602012701C80201');
INSERT INTO "attempt_stats" VALUES('acme','refused',1796148000000000,5,X'AE01011201');
INSERT INTO "attempt_stats" VALUES('acme','slow',1796148000000000,3,X'FA0601');
CREATE TABLE attempts (
    seq                     INTEGER PRIMARY KEY AUTOINCREMENT,
    record_time             INTEGER NOT NULL,
    tenant                  TEXT    NOT NULL,
    delivery                BLOB    NOT NULL,
    number                  INTEGER NOT NULL,
    subscription            TEXT    NOT NULL,
    event                   BLOB    NOT NULL,
    event_type              TEXT    NOT NULL,
    outcome                 INTEGER NOT NULL,
    http_status             INTEGER,
    start_time              INTEGER NOT NULL,
    dns                     INTEGER,
    connect                 INTEGER,
    tls                     INTEGER,
    first_byte              INTEGER,
    total                   INTEGER NOT NULL,
    response_headers        BLOB    NOT NULL,
    response_body           BLOB    NOT NULL,
    response_body_bytes     INTEGER NOT NULL,
    response_body_truncated INTEGER NOT NULL,
    error                   TEXT    NOT NULL,
    agent                   TEXT    NOT NULL,
    region                  TEXT    NOT NULL,
    remote_address          TEXT    NOT NULL,
    http_version            TEXT    NOT NULL,
    cause                   INTEGER NOT NULL,
    test                    INTEGER NOT NULL,
    next_attempt_time       INTEGER,
    -- The subscription's revision that the request was made with; null when no agent
    -- has said.
    settings_revision       INTEGER,
    -- Where the delivery stood after it; null when it was no longer kept.
    delivery_state          INTEGER,
    delivery_end_reason     INTEGER
) STRICT;
INSERT INTO "attempts" VALUES(1,1796151449840558,'acme',X'01A232F803BD734190231F0814258979',1,'lost',X'01A232F803BD77639A2D1A3B60AAD179','lost.happened',11,NULL,1796151449840222,NULL,NULL,NULL,NULL,0,X'',X'',0,0,'it may have been sent; no living agent knows of it','agent-1','default','','',1,0,1796151449840534,NULL,2,NULL);
INSERT INTO "attempts" VALUES(4,1796151449874404,'acme',X'01A232F8190F796E972DC1B7FD564261',1,'flaky',X'01A232F8190F7CA68F4D340C3826D502','flaky.happened',2,502,1796151449873667,NULL,NULL,NULL,403,498,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A323920474D540000000E00000001636F6E74656E742D6C656E67746830',X'',0,0,'the status 502 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796151449874385,1,2,NULL);
INSERT INTO "attempts" VALUES(7,1796151450003408,'acme',X'01A232F8198A7F4C815976653C47FF9C',1,'down',X'01A232F8198A7E89B7DAA4B0F597F92D','down.happened',2,500,1796151450002508,NULL,NULL,NULL,477,604,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796151450003382,1,2,NULL);
INSERT INTO "attempts" VALUES(10,1796151450273952,'acme',X'01A232F81A947908BFA568C733963B9A',1,'blocked',X'01A232F81A947BDABF0D44EAF610AFAA','blocked.happened',9,NULL,1796151450273445,NULL,NULL,NULL,NULL,195,X'',X'',0,0,'the address is not allowed','agent-2','default','','',1,0,1796151450273922,1,2,NULL);
INSERT INTO "attempts" VALUES(12,1796151450402432,'acme',X'01A232F81B15724AA2BC64DD906BAFB2',1,'refused',X'01A232F81B15723F9BD5DF4C7140735E','refused.happened',5,NULL,1796151450401851,NULL,NULL,NULL,NULL,262,X'',X'',0,0,'connecting to 127.0.0.1:36723 failed: Connection refused (os error 111)','agent-2','default','127.0.0.1:36723','',1,0,1796151450402402,1,2,NULL);
INSERT INTO "attempts" VALUES(16,1796151450738245,'acme',X'01A232F81C61786DB65F25FBF5DEF138',1,'ordered',X'01A232F81C617B0792B1660D22FC7144','ordered.happened',2,500,1796151450736685,NULL,NULL,NULL,1020,1202,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796155050738216,1,2,NULL);
INSERT INTO "attempts" VALUES(17,1796151450807884,'acme',X'01A232F81C7674D3AC70C052A7AFC182',1,'kept',X'01A232F81C7675B8A4D240406E19C8E6','kept.happened',2,500,1796151450761261,NULL,NULL,NULL,4636,46139,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796151450807848,1,2,NULL);
INSERT INTO "attempts" VALUES(19,1796151450911497,'acme',X'01A232F81D0F71E58123D6C3E133B8D5',1,'later',X'01A232F81D0F710DABE9FC5488FB07D4','later.happened',2,500,1796151450910220,NULL,NULL,NULL,565,769,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796155050911458,1,2,NULL);
INSERT INTO "attempts" VALUES(20,1796151451043507,'acme',X'01A232F81D947B32A6301E5484CB02EE',1,'asked',X'01A232F81D947FE7B4B078282F76D5D2','asked.happened',2,503,1796151451041681,NULL,NULL,NULL,1177,1323,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333120474D540000000B0000000472657472792D6166746572333630300000000E00000001636F6E74656E742D6C656E67746830',X'',0,0,'the status 503 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796155051043462,1,2,NULL);
INSERT INTO "attempts" VALUES(21,1796151451676504,'acme',X'01A232F81E2074569C0F8ED2B05C4D5E',1,'slow',X'01A232F81E20703DAEAFEF998086F5AA','slow.happened',3,NULL,1796151451173972,NULL,NULL,NULL,NULL,501802,X'',X'',0,0,'the request timed out after 500ms, before a response came','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796155051676463,1,2,NULL);
INSERT INTO "attempts" VALUES(24,1796151451943353,'acme',X'01A232F8211B7434AAFCE9CDAF469BC3',1,'later',X'01A232F8211B7E0EB8A777322D046F9E','later.happened',2,500,1796151451942044,NULL,NULL,NULL,614,806,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333120474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',1,0,1796155051943319,1,2,NULL);
INSERT INTO "attempts" VALUES(25,1796151452104422,'acme',X'01A232F821AA7F3C85EF72BCB1AB7EB9',1,'hanging',X'01A232F821AA7E76B148DFFE08F220A0','hanging.happened',11,NULL,1796151452074550,NULL,NULL,NULL,NULL,0,X'',X'',0,0,'cancelled while it may have been under way','','','','',1,0,NULL,NULL,6,3);
INSERT INTO "attempts" VALUES(28,1796151452282570,'acme',X'01A232F8226C70BDA60FE57881BF077A',1,'down',X'01A232F8198A7E89B7DAA4B0F597F92D','down.happened',2,500,1796151452279966,NULL,157,NULL,1750,2143,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333220474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:41993','HTTP/1.1',3,0,1796151452282539,1,2,NULL);
CREATE TABLE audit_chains (
    chain                TEXT    NOT NULL PRIMARY KEY,
    -- The last record; 0: there was none.
    sequence             INTEGER NOT NULL,
    hash                 BLOB    NOT NULL,
    -- The last record that retention removed; 0: none.
    checkpoint_sequence  INTEGER NOT NULL,
    checkpoint_hash      BLOB    NOT NULL,
    checkpoint_time      INTEGER NOT NULL,
    -- By the chain's key, over the checkpoint.
    checkpoint_signature BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_chains" VALUES('',4,X'6C334569F8DB806FD92F1D4DEFDF7FD8C5D085237BAFC4C9B6C57465BFC7C3C3',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('acme',35,X'0E0F49FE4A98648BEA10EBE90E661C39C14D543A796BA5B8C3C7B53098D62632',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('brief',1,X'D05834A818493A28C134C389995F1EED344FACFE0CF83BCB9E721D5F94A54CAC',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('gone',3,X'645A6C4745CDCB175C7A6870252351360B25FBFBA2AE71BEECAE8A4F18362DDD',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('operators',1,X'AF1285A0C5182ABDD98D99614DF85C93AC68C9C5EE28EBF57A257DC476BF905F',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE audit_records (
    chain       TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    -- The hash of the record before it, and its own.
    previous    BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    record_time INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    -- JSON: fields before and after.
    changes     TEXT    NOT NULL,
    -- How many differences did not fit.
    left_out    INTEGER NOT NULL,
    PRIMARY KEY (chain, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_records" VALUES('',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'B593B9C2E8D4CB24C4F75237758FB8DD54BF77543FA50B2BAF5EBF8C4390AB0C',1796151443810645,'system','','','begin the audit log','installation','[]',0);
INSERT INTO "audit_records" VALUES('',2,X'B593B9C2E8D4CB24C4F75237758FB8DD54BF77543FA50B2BAF5EBF8C4390AB0C',X'FF6F58EA989BE43662FB9A2BF08C8936F684FABCF1122A641749AA809BD5122B',1796151443972717,'token:7e577e577e577e577e57','127.0.0.1:35446','fa154d416050231cb1b0fc0ba3c2c73a','postrider.v1.EventTypeService/CreateEventType','eventTypes/orders.happened','[{"field":"description","before":null,"after":"Something was ordered."},{"field":"group","before":null,"after":"orders"},{"field":"json_schema","before":null,"after":"{\"type\":\"object\"}"},{"field":"sample_payload_json","before":null,"after":"{\"amount\":\"1\"}"},{"field":"schema_validation","before":null,"after":"ENFORCE"}]',0);
INSERT INTO "audit_records" VALUES('',3,X'FF6F58EA989BE43662FB9A2BF08C8936F684FABCF1122A641749AA809BD5122B',X'6C601F5F96D7CF748227ABAB882C91C8E9703388F4C590A0D92FAC816687F20E',1796151443982592,'token:7e577e577e577e577e57','127.0.0.1:35450','557e1864e4c2bb2668509d38d0bfc3a3','postrider.v1.EventTypeService/CreateEventType','eventTypes/orders.retired','[{"field":"group","before":null,"after":"orders"},{"field":"schema_validation","before":null,"after":"OFF"}]',0);
INSERT INTO "audit_records" VALUES('',4,X'6C601F5F96D7CF748227ABAB882C91C8E9703388F4C590A0D92FAC816687F20E',X'6C334569F8DB806FD92F1D4DEFDF7FD8C5D085237BAFC4C9B6C57465BFC7C3C3',1796151443986106,'token:7e577e577e577e577e57','127.0.0.1:35460','9b07252bc4f38535e1175bbfd948a78b','postrider.v1.EventTypeService/ArchiveEventType','eventTypes/orders.retired','[{"field":"archive_time","before":null,"after":"2026-12-01T18:57:23.986106Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'3CB1DBDFF43A68459F23397AAB61C0201CD4917377408D6BB9886161A41D1818',1796151443994674,'token:7e577e577e577e577e57','127.0.0.1:35476','fda10561630e858a2660b0bc3875dec9','postrider.v1.TenantService/CreateTenant','tenants/acme','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Acme"},{"field":"labels.tier","before":null,"after":"\"gold\""}]',0);
INSERT INTO "audit_records" VALUES('acme',2,X'3CB1DBDFF43A68459F23397AAB61C0201CD4917377408D6BB9886161A41D1818',X'240BDA80EA45D6C3ACDB4DFC693092DEECC207F6C6FC9920AA4E0682C0246A01',1796151444028373,'token:7e577e577e577e577e57','127.0.0.1:35506','fee82e4a2de152cbc4dac934bcf35025','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/orders','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"credentials.basic.password","before":null,"after":"(secret)"},{"field":"credentials.basic.username","before":null,"after":"test"},{"field":"display_name","before":null,"after":"Orders"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"orders.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"headers","before":null,"after":"[\"x-api-key\"]"},{"field":"headers.x-api-key.value","before":null,"after":"(secret)"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-5282fc577796e059","before":null,"after":"(secret)"},{"field":"signing_keys.key-5282fc577796e059.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',3,X'240BDA80EA45D6C3ACDB4DFC693092DEECC207F6C6FC9920AA4E0682C0246A01',X'3CFDC6B907E4D0640DDAD73A98B0A73AFCDD5CE4A26B010AF56B8A3F266A5D41',1796151444042666,'token:7e577e577e577e577e57','127.0.0.1:35516','848d186c64373c081160795d9ab82d8a','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/flaky','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-d8b3bbc801d20ed6","before":null,"after":"(secret)"},{"field":"signing_keys.key-d8b3bbc801d20ed6.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/once"}]',0);
INSERT INTO "audit_records" VALUES('acme',4,X'3CFDC6B907E4D0640DDAD73A98B0A73AFCDD5CE4A26B010AF56B8A3F266A5D41',X'B2C292B1E5C7EA67FA5A44C8B97E9999D7A33F4A9126210F4E5A5052A4FD2F6B',1796151444050639,'token:7e577e577e577e577e57','127.0.0.1:35526','810bdc6ad3f2e90567f8bcd57872a34a','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/down','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"down.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-8c3891c69705c147","before":null,"after":"(secret)"},{"field":"signing_keys.key-8c3891c69705c147.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',5,X'B2C292B1E5C7EA67FA5A44C8B97E9999D7A33F4A9126210F4E5A5052A4FD2F6B',X'B252B1F407B247F4781FC4C5B5F24BF9C89F1FB146FE652196DA809921584236',1796151444058636,'token:7e577e577e577e577e57','127.0.0.1:35534','17e8a72cc250af82358759e3db13d937','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/later','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"later.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6a68bf55ab016275","before":null,"after":"(secret)"},{"field":"signing_keys.key-6a68bf55ab016275.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',6,X'B252B1F407B247F4781FC4C5B5F24BF9C89F1FB146FE652196DA809921584236',X'4048B41B1F0DA807BC59722F797608F3427CB061C56CE53F4FDBA19975CB5442',1796151444069442,'token:7e577e577e577e577e57','127.0.0.1:35548','009a7e9a656ee66eae7e499b9a228371','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/late','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"late.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":{\"nanos\":0,\"secs\":1},\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-7cef439c34edd0f1","before":null,"after":"(secret)"},{"field":"signing_keys.key-7cef439c34edd0f1.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',7,X'4048B41B1F0DA807BC59722F797608F3427CB061C56CE53F4FDBA19975CB5442',X'C00D867F69B3FF665A97BA48A4CF7AC7C2503A231ABD6BAB79D33533B64D31F1',1796151444094653,'token:7e577e577e577e577e57','127.0.0.1:35562','4965de5b07b779c5dd183174c8955fd3','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/ordered','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"ordered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-e1076955f1541eb2","before":null,"after":"(secret)"},{"field":"signing_keys.key-e1076955f1541eb2.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',8,X'C00D867F69B3FF665A97BA48A4CF7AC7C2503A231ABD6BAB79D33533B64D31F1',X'E4A794EB397759DFDB9410516EF782E54F6A2C4795AF6629EB8F99205FE24D8A',1796151444110944,'token:7e577e577e577e577e57','127.0.0.1:35572','5ace8b22736afb20fc4b7ddeca91e924','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/kept','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"kept.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"hold"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-125e3d210bd3a116","before":null,"after":"(secret)"},{"field":"signing_keys.key-125e3d210bd3a116.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',9,X'E4A794EB397759DFDB9410516EF782E54F6A2C4795AF6629EB8F99205FE24D8A',X'35EBEB7376718987ED10198F9FFB9D518F21A2A298A181DAA93DBC357FC71FA4',1796151444134855,'token:7e577e577e577e577e57','127.0.0.1:35584','434e7986a114a9904a131b02ce25da59','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/asked','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"asked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-212243030a13e771","before":null,"after":"(secret)"},{"field":"signing_keys.key-212243030a13e771.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/wait"}]',0);
INSERT INTO "audit_records" VALUES('acme',10,X'35EBEB7376718987ED10198F9FFB9D518F21A2A298A181DAA93DBC357FC71FA4',X'4C29F418799F29E7736727039B033A72610BF6F062C251B018749AA29636D961',1796151444154952,'token:7e577e577e577e577e57','127.0.0.1:35590','0f72e909bfc4b7624b5c9aaa687dcc5a','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/paused','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"paused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-ce07aba6b265e286","before":null,"after":"(secret)"},{"field":"signing_keys.key-ce07aba6b265e286.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',11,X'4C29F418799F29E7736727039B033A72610BF6F062C251B018749AA29636D961',X'53E4701AE7671C6758B9CB2D088C6548F3E4C3BC9E4C6D2D360928B7929B55FC',1796151444172557,'token:7e577e577e577e577e57','127.0.0.1:35602','3e4bc1c5c3cd6d0b39a8a530093728ae','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/disabled','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"disabled.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-f3b55c5d94cd5847","before":null,"after":"(secret)"},{"field":"signing_keys.key-f3b55c5d94cd5847.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"disabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',12,X'53E4701AE7671C6758B9CB2D088C6548F3E4C3BC9E4C6D2D360928B7929B55FC',X'3D1450DEB8F41AFE39756F036EC3EDA597C37B31B962B3383A44E26F6667AE12',1796151444186485,'token:7e577e577e577e577e57','127.0.0.1:35610','f40002602d0ec23f363d6cac8c0754b4','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/far','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"far.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"far"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-892e1b1af1e20170","before":null,"after":"(secret)"},{"field":"signing_keys.key-892e1b1af1e20170.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',13,X'3D1450DEB8F41AFE39756F036EC3EDA597C37B31B962B3383A44E26F6667AE12',X'208721D27B5F7E7106C69B2E53DE9C45D057154A83B24A93B8ECECBF4FC2AC0D',1796151444208905,'token:7e577e577e577e577e57','127.0.0.1:35614','fea3209c9333301bbf53743a7b584457','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/blocked','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"blocked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-40b0166d6531da3c","before":null,"after":"(secret)"},{"field":"signing_keys.key-40b0166d6531da3c.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://10.0.0.1/"}]',0);
INSERT INTO "audit_records" VALUES('acme',14,X'208721D27B5F7E7106C69B2E53DE9C45D057154A83B24A93B8ECECBF4FC2AC0D',X'C8109D92B72BE0ED9CA2DD4EE39097DA8DD97135353B45A0F69253DC070FD200',1796151444218826,'token:7e577e577e577e577e57','127.0.0.1:35620','ad7eec4b88d34240cad443d90b4f94df','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/refused','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"refused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-754385a6947b1f43","before":null,"after":"(secret)"},{"field":"signing_keys.key-754385a6947b1f43.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:36723/"}]',0);
INSERT INTO "audit_records" VALUES('acme',15,X'C8109D92B72BE0ED9CA2DD4EE39097DA8DD97135353B45A0F69253DC070FD200',X'5DD8E6711599BB0457EB8DEC5ACC3556943C5C7BDFEE9DAA5817B91426E2221B',1796151444225126,'token:7e577e577e577e577e57','127.0.0.1:35622','e5d554a68ef017453b86f2c744c4b4e3','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/slow','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"slow.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"500ms"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-79b6967325ef6dcf","before":null,"after":"(secret)"},{"field":"signing_keys.key-79b6967325ef6dcf.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/hang"}]',0);
INSERT INTO "audit_records" VALUES('acme',16,X'5DD8E6711599BB0457EB8DEC5ACC3556943C5C7BDFEE9DAA5817B91426E2221B',X'BBBD057460DBB3011B26A0639DBC61E6976B234F7953F366949429BC2FE1C9FD',1796151444236772,'token:7e577e577e577e577e57','127.0.0.1:35626','6d6cd8c0b8884df1a99805903af0459c','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/filtered','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"content_filter","before":null,"after":"event.payload.missing.field == 1"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"filtered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-18ed5231e084be99","before":null,"after":"(secret)"},{"field":"signing_keys.key-18ed5231e084be99.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',17,X'BBBD057460DBB3011B26A0639DBC61E6976B234F7953F366949429BC2FE1C9FD',X'318067433197D0DA735EE90F6A3A99FFA7D72A910B0EF293CFDF11C9C0D36FF1',1796151444253453,'token:7e577e577e577e577e57','127.0.0.1:35636','436ec9f0fda08c18a84492e8681abdc4','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/lost','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"lost.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-786502215ebbecc7","before":null,"after":"(secret)"},{"field":"signing_keys.key-786502215ebbecc7.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/hang-once"}]',0);
INSERT INTO "audit_records" VALUES('acme',18,X'318067433197D0DA735EE90F6A3A99FFA7D72A910B0EF293CFDF11C9C0D36FF1',X'47EA89375A1FEBD22380ACF15BDA7B5B844C08E93DA064572B26CF465F153665',1796151444279130,'token:7e577e577e577e577e57','127.0.0.1:35648','bd024afe11d0054fddd165fa4eef9240','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/hanging','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"hanging.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-f8226e53022223bd","before":null,"after":"(secret)"},{"field":"signing_keys.key-f8226e53022223bd.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/hang"}]',0);
INSERT INTO "audit_records" VALUES('acme',19,X'47EA89375A1FEBD22380ACF15BDA7B5B844C08E93DA064572B26CF465F153665',X'E504927687D700D53447310D50FF4A1D64F8337303CBBB8116B6EA0C66EBD5CA',1796151444294038,'token:7e577e577e577e577e57','127.0.0.1:35652','57d6af02e65883e0bb710dc124d1cb23','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/leaving','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"leaving.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-5cbe1c1fd4a56d1f","before":null,"after":"(secret)"},{"field":"signing_keys.key-5cbe1c1fd4a56d1f.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',20,X'E504927687D700D53447310D50FF4A1D64F8337303CBBB8116B6EA0C66EBD5CA',X'E871E0BC4EF5177E9C397DC8D189B1E4A86D6B606C8485A15695CE13D2F1B5FD',1796151444332848,'token:7e577e577e577e577e57','127.0.0.1:35674','71d35c7251293f0218c1e859528c5276','postrider.v1.SubscriptionService/RotateSigningSecret','tenants/acme/subscriptions/orders','[{"field":"signing_keys.key-5282fc577796e059.expire_time","before":null,"after":"2026-12-02T18:57:24.332086Z"},{"field":"signing_keys.key-c983e8b1cbafa12c","before":null,"after":"(secret)"},{"field":"signing_keys.key-c983e8b1cbafa12c.kind","before":null,"after":"standard"}]',0);
INSERT INTO "audit_records" VALUES('acme',21,X'E871E0BC4EF5177E9C397DC8D189B1E4A86D6B606C8485A15695CE13D2F1B5FD',X'93ECEDCCC0EE62CC366C93064E227DD07AE1CBCF7594C9DCBABC49CDB64549C3',1796151444350014,'token:7e577e577e577e577e57','127.0.0.1:35682','817d873be877f8dcfc3ca33e09c5b97e','postrider.v1.TokenService/CreateToken','tokens/a1ccb3fc2d8ec3729928','[{"field":"display_name","before":null,"after":"publisher"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',22,X'93ECEDCCC0EE62CC366C93064E227DD07AE1CBCF7594C9DCBABC49CDB64549C3',X'2209644CB77310F1A3FE8E57D74EE07E82DD2E3AA6B86FF89AF85E6B25175C9B',1796151444371437,'token:7e577e577e577e577e57','127.0.0.1:35694','cd73b5dafe7ead15f577c4b69023a957','postrider.v1.TokenService/CreateToken','tokens/6e92e3b81b01d6d53e92','[{"field":"display_name","before":null,"after":"revoked"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',23,X'2209644CB77310F1A3FE8E57D74EE07E82DD2E3AA6B86FF89AF85E6B25175C9B',X'C22B1ADC869398243A5EF64322E0CC51B842120195CDF98D786D367A685C9FFA',1796151444382756,'token:7e577e577e577e577e57','127.0.0.1:35700','0bc01fa6dd0b5933838aa677cdd25693','postrider.v1.TokenService/RevokeToken','tokens/6e92e3b81b01d6d53e92','[{"field":"revoke_time","before":null,"after":"2026-12-01T18:57:24.382756Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',24,X'C22B1ADC869398243A5EF64322E0CC51B842120195CDF98D786D367A685C9FFA',X'B1B4919E96D0B78F366C16D40FAE0BD54DFE5EE1B8E3203F48987A1D1E846D86',1796151444391600,'token:7e577e577e577e577e57','127.0.0.1:35714','5dc9c00f8d6f3865632dceab4dd17563','postrider.v1.PortalService/CreatePortalToken','tokens/408f9f56351fbf9e4a54','[{"field":"expire_time","before":null,"after":"2026-12-01T19:57:24.3916Z"},{"field":"grants[0].role","before":null,"after":"reader"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',25,X'B1B4919E96D0B78F366C16D40FAE0BD54DFE5EE1B8E3203F48987A1D1E846D86',X'50DE2CC0B8AFB30FB428A85E63804DA247D2CF290246288EBFAFF6F3EC84F114',1796151451755247,'token:7e577e577e577e577e57','127.0.0.1:56450','6d34143d74e830e07f57355039f7dd88','postrider.v1.SubscriptionService/TestSubscription','tenants/acme/subscriptions/orders','[]',0);
INSERT INTO "audit_records" VALUES('acme',26,X'50DE2CC0B8AFB30FB428A85E63804DA247D2CF290246288EBFAFF6F3EC84F114',X'E7237CD45525D67038D7B1BEC39AC82E821FF4D296F38C93BCBDEA17AA0CC0CC',1796151451792857,'token:7e577e577e577e577e57','127.0.0.1:56460','0548ec5b2b5693461b4af8ae053b09fd','postrider.v1.DeliveryService/RetryDelivery','tenants/acme/deliveries/dlv_01a232f81d0f71e58123d6c3e133b8d5','[{"field":"next_attempt_time","before":"2026-12-01T19:57:30.911458Z","after":"2026-12-01T18:57:31.792857Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',27,X'E7237CD45525D67038D7B1BEC39AC82E821FF4D296F38C93BCBDEA17AA0CC0CC',X'F22F8821625011DF3944C42F1F4F9062D0DB9CD34A922E2F7A5EEC4DC62B2D5B',1796151452104422,'token:7e577e577e577e577e57','127.0.0.1:56542','816ebf4dabf7b028e07112b6988f7e42','postrider.v1.DeliveryService/CancelDelivery','tenants/acme/deliveries/dlv_01a232f821aa7f3c85ef72bcb1ab7eb9','[{"field":"state","before":"IN_FLIGHT","after":"CANCELLED"}]',0);
INSERT INTO "audit_records" VALUES('acme',28,X'F22F8821625011DF3944C42F1F4F9062D0DB9CD34A922E2F7A5EEC4DC62B2D5B',X'86237F20CA1157C7973BE426C5FDF62FA5A98902061F9C05BB428A503EED8741',1796151452126650,'token:7e577e577e577e577e57','127.0.0.1:56560','34ecf03ea8dddcb8697de234caf2a7ea','postrider.v1.DeliveryService/CancelDelivery','tenants/acme/deliveries/dlv_01a232f821997484bd0c249970dafbfd','[{"field":"state","before":"WAITING","after":"CANCELLED"}]',0);
INSERT INTO "audit_records" VALUES('acme',29,X'86237F20CA1157C7973BE426C5FDF62FA5A98902061F9C05BB428A503EED8741',X'88D1D6DD2A73FBF2C926F54EFF0F16B828C2BC3E455A4F01629B4CC16791719A',1796151452156583,'token:7e577e577e577e577e57','127.0.0.1:56578','b3779fce791c910558a85d4588080009','postrider.v1.SubscriptionService/DeleteSubscription','tenants/acme/subscriptions/leaving','[{"field":"auto_disable","before":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}","after":null},{"field":"envelope","before":"none","after":null},{"field":"event_types","before":"[\"leaving.*\"]","after":null},{"field":"exhausted_key_policy","before":"go_on","after":null},{"field":"http1_only","before":"false","after":null},{"field":"json_form","before":"as_published","after":null},{"field":"ordering","before":"unordered","after":null},{"field":"region","before":"default","after":null},{"field":"request_timeout","before":"15s","after":null},{"field":"retry_policy","before":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}","after":null},{"field":"send_trace_context","before":"false","after":null},{"field":"signature_schemes","before":"[\"standard_v1\"]","after":null},{"field":"signing_keys.key-5cbe1c1fd4a56d1f","before":"(secret)","after":null},{"field":"signing_keys.key-5cbe1c1fd4a56d1f.kind","before":"standard","after":null},{"field":"status","before":"paused","after":null},{"field":"success_rule","before":"any2xx","after":null},{"field":"url","before":"http://127.0.0.1:41993/ok","after":null}]',0);
INSERT INTO "audit_records" VALUES('acme',30,X'88D1D6DD2A73FBF2C926F54EFF0F16B828C2BC3E455A4F01629B4CC16791719A',X'E4819085FE4021403D29CCD7299FD27730AC174D2F421279693C14A2CCF3AAD5',1796151452268720,'token:7e577e577e577e577e57','127.0.0.1:56630','b5d0c967fd9f7e184ef7240f6cb6672b','postrider.v1.EventService/ResendEvent','tenants/acme/deliveries/dlv_01a232f8226c70bda60fe57881bf077a','[{"field":"event","before":null,"after":"evt_01a232f8198a7e89b7daa4b0f597f92d"},{"field":"resend_of","before":null,"after":"dlv_01a232f8198a7f4c815976653c47ff9c"},{"field":"subscription","before":null,"after":"tenants/acme/subscriptions/down"}]',0);
INSERT INTO "audit_records" VALUES('acme',31,X'E4819085FE4021403D29CCD7299FD27730AC174D2F421279693C14A2CCF3AAD5',X'588F11A25472A3CE7D65DD69B3516AB9087E7E954ACC4F02611D4ADB377D04AB',1796151452416682,'token:7e577e577e577e577e57','127.0.0.1:56668','614e32662f611d3aabe5a4d870c2e313','postrider.v1.DeliveryService/ReplayDeliveries','tenants/acme/operations/op_01a232f8230079df94d8eee0aadbb14e','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"event_types\":[],\"kind\":\"replay\",\"per_second\":100,\"states\":[5,7],\"subscription\":\"late\",\"window\":{\"from\":1796151444413000,\"until\":1796151452415000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',32,X'588F11A25472A3CE7D65DD69B3516AB9087E7E954ACC4F02611D4ADB377D04AB',X'C886BE75083AE08D70F808F59AA279247B6966C30032F3801F8172D1B0958DCC',1796151452976550,'token:7e577e577e577e577e57','127.0.0.1:56734','98d2df4639f8fbee100ba7ce42948739','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/newcomer','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-aff4f4cd7c2a9221","before":null,"after":"(secret)"},{"field":"signing_keys.key-aff4f4cd7c2a9221.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',33,X'C886BE75083AE08D70F808F59AA279247B6966C30032F3801F8172D1B0958DCC',X'C13663BC9807717EBB7454C71CF41E1D67E913676E3962558852F1B5DA336201',1796151452999613,'token:7e577e577e577e577e57','127.0.0.1:56746','3cef75bde6f59a0b5af66d5d47b4e68d','postrider.v1.SubscriptionService/BackfillSubscription','tenants/acme/operations/op_01a232f82547796d8173ce550ef14cb3','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"kind\":\"backfill\",\"per_second\":100,\"subscription\":\"newcomer\",\"window\":{\"from\":1796151444413000,\"until\":1796151452998000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',34,X'C13663BC9807717EBB7454C71CF41E1D67E913676E3962558852F1B5DA336201',X'016E29685423BCE8EE066937AF648CE5D80F733CBF5F6EA53CD199CD02D172C5',1796151454124374,'token:7e577e577e577e577e57','127.0.0.1:56888','12934bc191f6c3f8922f7641142a36a1','postrider.v1.EventService/ExpungeEvents','tenants/acme/operations/op_01a232f829ac760ea7c5dd79bb88e594','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"cancel_unfinished\":false,\"dry_run\":false,\"kind\":\"expunge\",\"selection\":{\"account\":\"account-2\"},\"window\":{\"from\":0,\"until\":1796151454124000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',35,X'016E29685423BCE8EE066937AF648CE5D80F733CBF5F6EA53CD199CD02D172C5',X'0E0F49FE4A98648BEA10EBE90E661C39C14D543A796BA5B8C3C7B53098D62632',1796151454873286,'system','','','postrider.v1.EventService/ExpungeEvents','tenants/acme/operations/op_01a232f829ac760ea7c5dd79bb88e594','[{"field":"event_count","before":null,"after":"1"},{"field":"payload_bytes","before":null,"after":"19"},{"field":"unfinished_event_count","before":null,"after":"0"}]',0);
INSERT INTO "audit_records" VALUES('brief',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'D05834A818493A28C134C389995F1EED344FACFE0CF83BCB9E721D5F94A54CAC',1796151444001727,'token:7e577e577e577e577e57','127.0.0.1:35492','bc1405fef0a4bb24286cc94a8c23d1ef','postrider.v1.TenantService/CreateTenant','tenants/brief','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Brief"},{"field":"history_retention","before":null,"after":"864000s"},{"field":"payload_retention","before":null,"after":"86400s"}]',0);
INSERT INTO "audit_records" VALUES('gone',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'C4279C73C7F05C335AC1954DB7D5768D64B926C17B272FB465C277F559A5CC13',1796151444011633,'token:7e577e577e577e577e57','127.0.0.1:35504','a4e5a2ea36f564d26ef8acaf6e8e3664','postrider.v1.TenantService/CreateTenant','tenants/gone','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Gone"}]',0);
INSERT INTO "audit_records" VALUES('gone',2,X'C4279C73C7F05C335AC1954DB7D5768D64B926C17B272FB465C277F559A5CC13',X'97C2376B1847C09C7C2B415B07E204BBBD48D9893B89E3FF02C0A14E3DB6F6DB',1796151444313511,'token:7e577e577e577e577e57','127.0.0.1:35662','59f5e2aa0af550d76907465d682f6732','postrider.v1.SubscriptionService/CreateSubscription','tenants/gone/subscriptions/last','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"last.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-f08e700198c67758","before":null,"after":"(secret)"},{"field":"signing_keys.key-f08e700198c67758.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:41993/ok"}]',0);
INSERT INTO "audit_records" VALUES('gone',3,X'97C2376B1847C09C7C2B415B07E204BBBD48D9893B89E3FF02C0A14E3DB6F6DB',X'645A6C4745CDCB175C7A6870252351360B25FBFBA2AE71BEECAE8A4F18362DDD',1796151452196198,'token:7e577e577e577e577e57','127.0.0.1:56608','8821175285782eaf868df42c3ba2c4e5','postrider.v1.TenantService/DeleteTenant','tenants/gone','[{"field":"allow_insecure_urls","before":"true","after":null},{"field":"display_name","before":"Gone","after":null},{"field":"subscriptions[0]","before":"last","after":null}]',0);
INSERT INTO "audit_records" VALUES('operators',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'AF1285A0C5182ABDD98D99614DF85C93AC68C9C5EE28EBF57A257DC476BF905F',1796151443989191,'token:7e577e577e577e577e57','127.0.0.1:35462','47e504426c1b6ae4fd37628a65ccff67','postrider.v1.TenantService/CreateTenant','tenants/operators','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Operators"}]',0);
CREATE TABLE catalogue (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO "catalogue" VALUES(1,4);
CREATE TABLE console_sessions (
    -- SHA-256 of the id.
    hash          BLOB    NOT NULL PRIMARY KEY,
    -- 1 SESSION, 2 PORTAL_CODE.
    kind          INTEGER NOT NULL,
    -- As logs name callers.
    caller        TEXT    NOT NULL,
    -- Which tenant it counts for; '' where the caller has a role in the installation.
    tenant        TEXT    NOT NULL,
    -- JSON: who, with which roles, until when.
    identity      TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_use_time INTEGER NOT NULL,
    expire_time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "console_sessions" VALUES(X'57AFFA2D60BA9269C4C7175A144F336CEB0E6C8FAE71662DEF55779FFBDEA620',2,'portal-token:408f9f56351fbf9e4a54','acme','{"principal":{"portal_token":"408f9f56351fbf9e4a54"},"grants":[{"role":"reader","scope":{"tenants":["acme"]}}],"expire_time":1796155044391600}',1796151444400170,1796151444400170,1796151504400170);
CREATE TABLE data_keys (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    -- The id of the key-encryption key.
    wrapped_by  TEXT    NOT NULL,
    wrapped     BLOB    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "data_keys" VALUES('',X'00000000000000000000000000000001','released-test',X'01A3F2E02B55AD61BC6EA311006C3EF3B65840B885E9EB9ACE1D526D87F2B0112BA1C9E532A66BACC9CE31B022E99F5A6A98A154ECE0D55E9E2DDA51FE',1796151443809330);
INSERT INTO "data_keys" VALUES('',X'00000000000000000000000000000002','released-test',X'01CC6AF336688D90C8C57E01C11FB46AE6C9FDC43A9C80E4D80DD9B18A840738789EFF857632B1A1D45162C8CDBDD64969897B9F48403D6DE45D57A1BB',1796151443810957);
INSERT INTO "data_keys" VALUES('acme',X'7EF41826D7DA433384415974E2AC404A','released-test',X'018B2E62C1B98C8C613DF5227D704F5C27C738E88469080F819443C2154E8C87A11B58334B1BE6811A67014AB98F6D17D4A145A660DC04C3F2F56255FA',1796151444028373);
CREATE TABLE deliveries (
    id           BLOB    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    event_type   TEXT    NOT NULL,
    account      TEXT,
    shard        INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    end_reason   INTEGER,
    attempts     INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    cause        INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    end_time     INTEGER,
    ordering_key TEXT,
    sequence     INTEGER,
    test         INTEGER NOT NULL,
    resend_of    BLOB,
    -- Whether the subscription's content filter failed on the event.
    filter_failed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "deliveries" VALUES(X'01A232F81BAE7C34966DCA8E74685CCD','acme','paused',X'01A232F81BAE7C4698BB4CDB68EBACC6','paused.happened','account-1',4,0,2,NULL,0,0,1,1796151450542357,1796454359654952,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81BC47A3CAB252E4F9CD47786','acme','far',X'01A232F81BC47FED9C8D56F200C48F72','far.happened','account-1',4,0,2,NULL,0,0,1,1796151450564781,1796454360335670,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81C61786DB65F25FBF5DEF138','acme','ordered',X'01A232F81C617B0792B1660D22FC7144','ordered.happened','account-1',4,1,2,NULL,1,1,2,1796155050738216,1796158650721859,NULL,'key-1',1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81C6575D09236BDD2AD0B2E0F','acme','ordered',X'01A232F81C657D549E3E5C3401D1E0A8','ordered.happened','account-1',4,0,1,NULL,0,0,1,1796151450725496,1796158650725496,NULL,'key-1',2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81C8C7675BF042331D15B6C4E','acme','kept',X'01A232F81C8C733E8CE7D2F1DE040472','kept.happened','account-1',4,0,1,NULL,0,0,1,1796151450764555,1796155050764555,NULL,'key-1',2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81D947B32A6301E5484CB02EE','acme','asked',X'01A232F81D947FE7B4B078282F76D5D2','asked.happened','account-1',4,1,2,NULL,1,1,2,1796155051043462,1796158651028246,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F81E2074569C0F8ED2B05C4D5E','acme','slow',X'01A232F81E20703DAEAFEF998086F5AA','slow.happened','account-1',4,1,2,NULL,1,1,2,1796155051676463,1796158651168949,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F8211B7434AAFCE9CDAF469BC3','acme','later',X'01A232F8211B7E0EB8A777322D046F9E','later.happened','account-1',4,1,2,NULL,1,1,2,1796155051943319,1796158651931076,NULL,NULL,2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A232F82CC07256A3A2B4F0F51C06E0','acme','hanging',X'01A232F82CC07E19AF0CE0DA3D364E97','hanging.happened','account-1',4,1,3,NULL,1,0,1,1796151454912158,1796454370412158,NULL,NULL,2,0,NULL,0);
CREATE TABLE ended_deliveries (
    seq                     INTEGER PRIMARY KEY AUTOINCREMENT,
    id                      BLOB    NOT NULL,
    tenant                  TEXT    NOT NULL,
    subscription            TEXT    NOT NULL,
    event                   BLOB    NOT NULL,
    event_type              TEXT    NOT NULL,
    account                 TEXT,
    state                   INTEGER NOT NULL,
    end_reason              INTEGER,
    attempts                INTEGER NOT NULL,
    failures                INTEGER NOT NULL,
    cause                   INTEGER NOT NULL,
    due                     INTEGER NOT NULL,
    deadline                INTEGER NOT NULL,
    end_time                INTEGER NOT NULL,
    ordering_key            TEXT,
    sequence                INTEGER,
    test                    INTEGER NOT NULL,
    resend_of               BLOB,
    filter_failed           INTEGER NOT NULL,
    -- The attempt that ended it, as a row of attempts would have it: of the number
    -- `attempts`, recorded at `end_time`, after which the delivery stood as it stands. There
    -- is none where this is null: no attempt ended it, or its attempt is in attempts, since
    -- a late result was recorded before, or changed something since.
    outcome                 INTEGER,
    http_status             INTEGER,
    start_time              INTEGER,
    dns                     INTEGER,
    connect                 INTEGER,
    tls                     INTEGER,
    first_byte              INTEGER,
    total                   INTEGER,
    settings_revision       INTEGER,
    response_body_bytes     INTEGER,
    response_body_truncated INTEGER,
    agent                   TEXT,
    region                  TEXT,
    remote_address          TEXT,
    http_version            TEXT,
    error                   TEXT,
    response_headers        BLOB,
    response_body           BLOB
) STRICT;
INSERT INTO "ended_deliveries" VALUES(2,X'01A232F803BD734190231F0814258979','acme','lost',X'01A232F803BD77639A2D1A3B60AAD179','lost.happened','account-1',4,NULL,2,0,2,1796151449840534,1796454359913040,1796151449848785,NULL,1,0,NULL,0,1,200,1796151449846861,NULL,165,NULL,1148,1559,1,0,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A323920474D540000000E00000001636F6E74656E742D6C656E67746830',X'');
INSERT INTO "ended_deliveries" VALUES(3,X'01A232F81900700094D8E80BDBC0310C','acme','orders',X'01A232F8190070E88BDAAD730204D04A','orders.happened','account-1',4,NULL,1,0,1,1796151449856067,1796454365356067,1796151449867144,NULL,1,0,NULL,0,1,200,1796151449865582,NULL,553,NULL,489,1251,2,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A323920474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(5,X'01A232F81905785EAC910A06C7697058','acme','orders',X'01A232F819057BEE8BDEC1B5F2E0DCF8','orders.scanned','account-1',4,NULL,1,0,1,1796151449861500,1796454365361500,1796151449915243,NULL,2,0,NULL,0,1,200,1796151449870010,NULL,NULL,NULL,727,44676,2,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A323920474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(6,X'01A232F8190F796E972DC1B7FD564261','acme','flaky',X'01A232F8190F7CA68F4D340C3826D502','flaky.happened','account-1',4,NULL,2,1,2,1796151449874385,1796155049871136,1796151449927842,NULL,1,0,NULL,0,1,200,1796151449884907,NULL,NULL,NULL,532,42431,1,7,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A323920474D540000000E00000001636F6E74656E742D6C656E67746837',X'6174206C617374');
INSERT INTO "ended_deliveries" VALUES(8,X'01A232F8198A7F4C815976653C47FF9C','acme','down',X'01A232F8198A7E89B7DAA4B0F597F92D','down.happened','account-1',5,1,2,1,2,1796151450003382,1796155049994025,1796151450059950,NULL,1,0,NULL,0,2,500,1796151450016650,NULL,NULL,NULL,519,42760,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(9,X'01A232F81A1B7BF4B335DC4D396C15C8','acme','late',X'01A232F81A1B7ECD9F45845FE6DA39A1','late.happened','account-1',5,2,1,0,1,1796151450139851,1796151451139851,1796151450148981,NULL,1,0,NULL,0,2,500,1796151450147983,NULL,NULL,NULL,458,579,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(11,X'01A232F81A947908BFA568C733963B9A','acme','blocked',X'01A232F81A947BDABF0D44EAF610AFAA','blocked.happened','account-1',5,1,2,1,2,1796151450273922,1796155050260544,1796151450288602,NULL,1,0,NULL,0,9,NULL,1796151450288232,NULL,NULL,NULL,NULL,55,1,0,0,'agent-2','default','','','the address is not allowed',X'',X'');
INSERT INTO "ended_deliveries" VALUES(13,X'01A232F81B15724AA2BC64DD906BAFB2','acme','refused',X'01A232F81B15723F9BD5DF4C7140735E','refused.happened','account-1',5,1,2,1,2,1796151450402402,1796155050389770,1796151450423156,NULL,1,0,NULL,0,5,NULL,1796151450422533,NULL,NULL,NULL,NULL,220,1,0,0,'agent-2','default','127.0.0.1:36723','','connecting to 127.0.0.1:36723 failed: Connection refused (os error 111)',X'',X'');
INSERT INTO "ended_deliveries" VALUES(14,X'01A232F81B9E790CB6BB6D5DCFBC051D','acme','disabled',X'01A232F81B9E76DFAE7735954038789F','disabled.happened','account-1',7,5,0,0,1,1796151450526721,1796454366026721,1796151450526721,NULL,NULL,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(15,X'01A232F81BD479328642F81DD3621791','acme','filtered',X'01A232F81BD47D27A8B93A7144F29771','filtered.happened','account-1',4,NULL,1,0,1,1796151450580959,1796454366080959,1796151450589444,NULL,1,0,NULL,1,1,200,1796151450587806,NULL,NULL,NULL,1123,1247,1,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(18,X'01A232F81C7674D3AC70C052A7AFC182','acme','kept',X'01A232F81C7675B8A4D240406E19C8E6','kept.happened','account-1',5,1,2,1,2,1796151450807848,1796155050742471,1796151450867859,'key-1',1,0,NULL,0,2,500,1796151450824500,NULL,NULL,NULL,851,42833,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333020474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(22,X'01A232F8206F79C08142B33DAB76D6AD','acme','orders',X'01A232F8206F799F97EEE00C54F6AD62','orders.happened',NULL,4,NULL,1,0,4,1796151451759958,0,1796151451768512,NULL,NULL,1,NULL,0,1,200,1796151451762618,NULL,NULL,NULL,5156,5395,2,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333120474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(23,X'01A232F81D0F71E58123D6C3E133B8D5','acme','later',X'01A232F81D0F710DABE9FC5488FB07D4','later.happened','account-1',5,1,2,1,3,1796151451792857,1796158650895702,1796151451828012,NULL,1,0,NULL,0,2,500,1796151451811249,NULL,184,NULL,15740,16191,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333120474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(24,X'01A232F821AA7F3C85EF72BCB1AB7EB9','acme','hanging',X'01A232F821AA7E76B148DFFE08F220A0','hanging.happened','account-1',6,3,1,0,1,1796151452074550,1796454367574550,1796151452104422,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(25,X'01A232F821997484BD0C249970DAFBFD','acme','paused',X'01A232F821997A77B17BC47E5AA093E6','paused.happened','account-1',6,3,0,0,1,1796151452057758,1796454359654952,1796151452126650,NULL,2,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(26,X'01A232F821EC7D7B986612565B198319','acme','leaving',X'01A232F821EC783B8C121095CE08EE2E','leaving.happened','account-1',6,4,0,0,1,1796151452140385,1796454359794038,1796151452160453,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(27,X'01A232F8221479AEB3FE207D2B05A617','gone','last',X'01A232F8221471468BD695C63B811730','last.happened','account-1',6,6,0,0,1,1796151452180232,1796454359813511,1796151452236046,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(29,X'01A232F8226C70BDA60FE57881BF077A','acme','down',X'01A232F8198A7E89B7DAA4B0F597F92D','down.happened','account-1',5,1,2,1,2,1796151452282539,1796155052268720,1796151452335948,NULL,1,0,X'01A232F8198A7F4C815976653C47FF9C',0,2,500,1796151452290717,NULL,NULL,NULL,612,44677,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333220474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(30,X'01A232F824AF73439F6C1BD7B8950322','acme','late',X'01A232F81A1B7ECD9F45845FE6DA39A1','late.happened','account-1',5,2,1,0,5,1796151452847773,1796151453847773,1796151452877515,NULL,1,0,X'01A232F81A1B7BF4B335DC4D396C15C8',0,2,500,1796151452875892,NULL,NULL,NULL,937,1128,1,9,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333220474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(31,X'01A232F82899789DA92950647A951D47','acme','newcomer',X'01A232F8190F7CA68F4D340C3826D502','flaky.happened','account-1',4,NULL,1,0,5,1796151453849008,1796454369349008,1796151453858873,NULL,1,0,NULL,0,1,200,1796151453857572,NULL,NULL,NULL,889,1006,1,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031383A35373A333320474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(32,X'01A232F8291F7C459E6FB90CF347F4E2','acme','orders',X'01A232F8291F7DA082F368939B975A5A','orders.happened','account-2',4,NULL,1,0,1,1796151453983872,1796454369483872,1796151453998642,NULL,3,0,NULL,0,1,200,1796151453997319,NULL,NULL,NULL,633,818,2,17,0,'agent-2','default','127.0.0.1:41993','HTTP/1.1','',X'',X'');
CREATE TABLE event_types (
    name         TEXT    NOT NULL PRIMARY KEY,
    description  TEXT    NOT NULL,
    group_name   TEXT    NOT NULL,
    validation   INTEGER NOT NULL,
    archive_time INTEGER,
    -- The catalogue's version that wrote it last.
    revision     INTEGER NOT NULL,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    search       TEXT    NOT NULL,
    -- As they were given, byte for byte. Last, since they are long.
    json_schema  TEXT,
    sample       TEXT
) STRICT;
INSERT INTO "event_types" VALUES('orders.happened','Something was ordered.','orders',3,NULL,2,1796151443972717,1796151443972717,'orders.happened
something was ordered.','{"type":"object"}','{"amount":"1"}');
INSERT INTO "event_types" VALUES('orders.retired','','orders',1,1796151443986106,4,1796151443982592,1796151443986106,'orders.retired
',NULL,NULL);
CREATE TABLE events (
    seq             INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    id              BLOB    NOT NULL,
    event_type      TEXT    NOT NULL,
    account         TEXT,
    attributes      TEXT,
    ordering_key    TEXT,
    -- Null: application/json.
    content_type    TEXT,
    payload_sha256  BLOB    NOT NULL,
    traceparent     TEXT    NOT NULL,
    tracestate      TEXT    NOT NULL,
    idempotency_key TEXT,
    matched         INTEGER NOT NULL,
    test            INTEGER NOT NULL,
    -- JSON: why and when the payload was removed, and its size; null while it is there.
    payload_removal TEXT,
    -- Last, so that reading the others does not walk its overflow pages.
    payload         BLOB    NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1,'acme',X'01A232F803BD77639A2D1A3B60AAD179','lost.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','lost-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(2,'acme',X'01A232F8076B736B8D66D7C8F280AE2A','postrider.secret.rotated',NULL,NULL,'tenants/acme/subscriptions/orders',NULL,X'64126ADF760942147887AD5CE3CA63E12CE3C7385DE97C05B78D096D037B00C7','','','postrider/acme/postrider.secret.rotated/orders/key-c983e8b1cbafa12c',0,0,NULL,X'7B22686F7374223A223132372E302E302E31222C226B65795F6964223A226B65792D63393833653862316362616661313263222C226B65795F6B696E64223A225354414E44415244222C226F6C645F6B65795F6578706972655F74696D65223A22323032362D31322D30325431383A35373A32342E3333323038365A222C226F6C645F6B65795F6964223A226B65792D35323832666335373737393665303539222C22726F746174655F74696D65223A22323032362D31322D30315431383A35373A32342E3333323038365A222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6F7264657273227D');
INSERT INTO "events" VALUES(3,'operators',X'01A232F8077374668E2D96DB44A4E3AA','postrider.secret.rotated','acme',NULL,'tenants/acme/subscriptions/orders',NULL,X'64126ADF760942147887AD5CE3CA63E12CE3C7385DE97C05B78D096D037B00C7','','','postrider/acme/postrider.secret.rotated/orders/key-c983e8b1cbafa12c',0,0,NULL,X'7B22686F7374223A223132372E302E302E31222C226B65795F6964223A226B65792D63393833653862316362616661313263222C226B65795F6B696E64223A225354414E44415244222C226F6C645F6B65795F6578706972655F74696D65223A22323032362D31322D30325431383A35373A32342E3333323038365A222C226F6C645F6B65795F6964223A226B65792D35323832666335373737393665303539222C22726F746174655F74696D65223A22323032362D31322D30315431383A35373A32342E3333323038365A222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6F7264657273227D');
INSERT INTO "events" VALUES(4,'acme',X'01A232F8190070E88BDAAD730204D04A','orders.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01','a=b','orders-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(5,'acme',X'01A232F819057BEE8BDEC1B5F2E0DCF8','orders.scanned','account-1','{"currency":"EUR"}','account-1','application/octet-stream',X'06EB7D6A69EE19E5FBDF749018D3D2ABFA04BCBD1365DB312EB86DC7169389B8','','','orders-2',1,0,NULL,X'00FF');
INSERT INTO "events" VALUES(6,'acme',X'01A232F8190F7CA68F4D340C3826D502','flaky.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','flaky-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(7,'acme',X'01A232F8198A7E89B7DAA4B0F597F92D','down.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','down-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(8,'acme',X'01A232F819D77B1E8D4F8C2EAAF82C15','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/down',NULL,X'E5CF2489A5C89CD27E4C31C8313C2F9313A35F7E619F18E346E76E19712A1E31','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8198a7f4c815976653c47ff9c',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638313938613766346338313539373636353363343766663963222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638313938613765383962376461613462306635393766393264222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(9,'operators',X'01A232F819D8721CB6F31B692E44BA43','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/down',NULL,X'E5CF2489A5C89CD27E4C31C8313C2F9313A35F7E619F18E346E76E19712A1E31','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8198a7f4c815976653c47ff9c',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638313938613766346338313539373636353363343766663963222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638313938613765383962376461613462306635393766393264222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(10,'acme',X'01A232F81A1B7ECD9F45845FE6DA39A1','late.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','late-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(11,'acme',X'01A232F81A2A73678BF11E190C669397','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/late',NULL,X'7BD684754F5FA8FFAE48AB481A0F1159E8E46003817C7F87B58EFDB40B31AB69','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f81a1b7bf4b335dc4d396c15c8',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316131623762663462333335646334643339366331356338222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316131623765636439663435383435666536646133396131222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(12,'operators',X'01A232F81A2F75CB8B57055C9558EEC1','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/late',NULL,X'7BD684754F5FA8FFAE48AB481A0F1159E8E46003817C7F87B58EFDB40B31AB69','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f81a1b7bf4b335dc4d396c15c8',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316131623762663462333335646334643339366331356338222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316131623765636439663435383435666536646133396131222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(13,'acme',X'01A232F81A947BDABF0D44EAF610AFAA','blocked.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','blocked-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(14,'acme',X'01A232F81AB47FB9BD92443B1DC53D5B','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/blocked',NULL,X'D2CA388318BB86FC6C3CF799315812A02D451489ABB3C97C84640E9C08360B39','','','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f81a947908bfa568c733963b9a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316139343739303862666135363863373333393633623961222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316139343762646162663064343465616636313061666161222C226576656E745F74797065223A22626C6F636B65642E68617070656E6564222C22686F7374223A2231302E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F626C6F636B6564227D');
INSERT INTO "events" VALUES(15,'operators',X'01A232F81AB6760DA76C3F1A7FC3A016','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/blocked',NULL,X'D2CA388318BB86FC6C3CF799315812A02D451489ABB3C97C84640E9C08360B39','','','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f81a947908bfa568c733963b9a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316139343739303862666135363863373333393633623961222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316139343762646162663064343465616636313061666161222C226576656E745F74797065223A22626C6F636B65642E68617070656E6564222C22686F7374223A2231302E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F626C6F636B6564227D');
INSERT INTO "events" VALUES(16,'acme',X'01A232F81B15723F9BD5DF4C7140735E','refused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','refused-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(17,'acme',X'01A232F81B3B7A1088FEA9F5837A5AF2','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/refused',NULL,X'7E21799F607068E21998FA6989E5B6312BC8FE74EDA1BB692921EBA8B5F957E7','','','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f81b15724aa2bc64dd906bafb2',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316231353732346161326263363464643930366261666232222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316231353732336639626435646634633731343037333565222C226576656E745F74797065223A22726566757365642E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F72656675736564227D');
INSERT INTO "events" VALUES(18,'operators',X'01A232F81B3F7E008F854B45B4F6FB75','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/refused',NULL,X'7E21799F607068E21998FA6989E5B6312BC8FE74EDA1BB692921EBA8B5F957E7','','','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f81b15724aa2bc64dd906bafb2',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316231353732346161326263363464643930366261666232222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316231353732336639626435646634633731343037333565222C226576656E745F74797065223A22726566757365642E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F72656675736564227D');
INSERT INTO "events" VALUES(19,'acme',X'01A232F81B9E76DFAE7735954038789F','disabled.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','disabled-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(20,'acme',X'01A232F81BAE7C4698BB4CDB68EBACC6','paused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','paused-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(21,'acme',X'01A232F81BC47FED9C8D56F200C48F72','far.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','far-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(22,'acme',X'01A232F81BD47D27A8B93A7144F29771','filtered.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','filtered-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(23,'acme',X'01A232F81C617B0792B1660D22FC7144','ordered.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','ordered-0',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(24,'acme',X'01A232F81C657D549E3E5C3401D1E0A8','ordered.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','ordered-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(25,'acme',X'01A232F81C7675B8A4D240406E19C8E6','kept.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','kept-0',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(26,'acme',X'01A232F81C8C733E8CE7D2F1DE040472','kept.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','kept-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(27,'acme',X'01A232F81CF8790A84D2F4D9472019A3','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/kept',NULL,X'3160A738DBDA0811169954EB91239929AB11307982399A23E320E31C92F71E2E','','','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f81c7674d3ac70c052a7afc182',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316337363734643361633730633035326137616663313832222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316337363735623861346432343034303665313963386536222C226576656E745F74797065223A226B6570742E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6B657074227D');
INSERT INTO "events" VALUES(28,'operators',X'01A232F81CFF72428FC98CD56857EFC2','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/kept',NULL,X'3160A738DBDA0811169954EB91239929AB11307982399A23E320E31C92F71E2E','','','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f81c7674d3ac70c052a7afc182',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316337363734643361633730633035326137616663313832222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316337363735623861346432343034303665313963386536222C226576656E745F74797065223A226B6570742E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6B657074227D');
INSERT INTO "events" VALUES(29,'acme',X'01A232F81D0F710DABE9FC5488FB07D4','later.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','later-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(30,'acme',X'01A232F81D947FE7B4B078282F76D5D2','asked.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','asked-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(31,'acme',X'01A232F81E20703DAEAFEF998086F5AA','slow.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','slow-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(32,'acme',X'01A232F8206F799F97EEE00C54F6AD62','orders.happened',NULL,NULL,NULL,NULL,X'CDB8DE78F10F4776DE95629E660FF8A5ABA9AB22166D96CE73E50D0E3ACFC6DC','','',NULL,1,1,NULL,X'7B22616D6F756E74223A2231227D');
INSERT INTO "events" VALUES(33,'acme',X'01A232F820B7726195D13781804DC2BE','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/later',NULL,X'F7E6CB06713BAD2D2D725693DBC420B2D78437F81A140D768D94EBCEB148D5A7','','','postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f81d0f71e58123d6c3e133b8d5',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316430663731653538313233643663336531333362386435222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316430663731306461626539666335343838666230376434222C226576656E745F74797065223A226C617465722E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C61746572227D');
INSERT INTO "events" VALUES(34,'operators',X'01A232F820C378EEB01AB2B066EBA60F','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/later',NULL,X'F7E6CB06713BAD2D2D725693DBC420B2D78437F81A140D768D94EBCEB148D5A7','','','postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f81d0f71e58123d6c3e133b8d5',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638316430663731653538313233643663336531333362386435222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316430663731306461626539666335343838666230376434222C226576656E745F74797065223A226C617465722E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C61746572227D');
INSERT INTO "events" VALUES(35,'acme',X'01A232F8211B7E0EB8A777322D046F9E','later.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','later-2',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(36,'acme',X'01A232F821997A77B17BC47E5AA093E6','paused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','paused-cancelled',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(37,'acme',X'01A232F821AA7E76B148DFFE08F220A0','hanging.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','hanging-cancelled',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(38,'acme',X'01A232F821EC783B8C121095CE08EE2E','leaving.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','leaving-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(39,'gone',X'01A232F8221471468BD695C63B811730','last.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','last-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(40,'acme',X'01A232F822B97172AEBB7FABB8BE30A3','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/down',NULL,X'C60955C8215649F185A829F37977C6B42D17DAC4DD61561791759B7F34F4A566','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8226c70bda60fe57881bf077a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638323236633730626461363066653537383831626630373761222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638313938613765383962376461613462306635393766393264222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(41,'operators',X'01A232F822BA741EA9EDB62F82372AB6','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/down',NULL,X'C60955C8215649F185A829F37977C6B42D17DAC4DD61561791759B7F34F4A566','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8226c70bda60fe57881bf077a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638323236633730626461363066653537383831626630373761222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638313938613765383962376461613462306635393766393264222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(42,'acme',X'01A232F824D67E529FBF2915E345575B','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/late',NULL,X'F162FB594960EB2055803CF577BD9B37BFC3379C09A8C624E383D279BC4F2DE5','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f824af73439f6c1bd7b8950322',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638323461663733343339663663316264376238393530333232222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316131623765636439663435383435666536646133396131222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(43,'operators',X'01A232F824D9779DAB3CD435D2487E38','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/late',NULL,X'F162FB594960EB2055803CF577BD9B37BFC3379C09A8C624E383D279BC4F2DE5','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f824af73439f6c1bd7b8950322',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233326638323461663733343339663663316264376238393530333232222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233326638316131623765636439663435383435666536646133396131222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(44,'acme',X'01A232F8291F7DA082F368939B975A5A','orders.happened','account-2','{"currency":"EUR"}','account-2',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','orders-3',1,0,'{"reason":"expunged","time":1796151454854775,"bytes":19}',X'');
INSERT INTO "events" VALUES(45,'acme',X'01A232F82CC07E19AF0CE0DA3D364E97','hanging.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','hanging-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
CREATE TABLE failing_endpoints (
    tenant        TEXT    NOT NULL,
    subscription  TEXT    NOT NULL,
    shard         INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    stage         INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
INSERT INTO "failing_endpoints" VALUES('acme','asked',4,1796151451043497,0);
INSERT INTO "failing_endpoints" VALUES('acme','blocked',4,1796151450273945,0);
INSERT INTO "failing_endpoints" VALUES('acme','down',4,1796151450003402,0);
INSERT INTO "failing_endpoints" VALUES('acme','kept',4,1796151450807875,0);
INSERT INTO "failing_endpoints" VALUES('acme','late',4,1796151450148913,0);
INSERT INTO "failing_endpoints" VALUES('acme','later',4,1796151450911487,0);
INSERT INTO "failing_endpoints" VALUES('acme','ordered',4,1796151450738238,0);
INSERT INTO "failing_endpoints" VALUES('acme','refused',4,1796151450402425,0);
INSERT INTO "failing_endpoints" VALUES('acme','slow',4,1796151451676494,0);
CREATE TABLE held_keys (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    ordering_key TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    held         INTEGER NOT NULL,
    quiet_until  INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription, ordering_key)
) STRICT, WITHOUT ROWID;
INSERT INTO "held_keys" VALUES('acme','kept','key-1',X'01A232F81C7675B8A4D240406E19C8E6',1,0);
CREATE TABLE hold_clocks (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    total        INTEGER NOT NULL,
    held_since   INTEGER NOT NULL,
    held_until   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
INSERT INTO "hold_clocks" VALUES('acme','asked',0,1796151451046610,1796155051046610,1);
CREATE TABLE idempotency_keys (
    seq          INTEGER PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    matched      INTEGER NOT NULL,
    request_hash BLOB    NOT NULL,
    expire_time  INTEGER NOT NULL
) STRICT;
INSERT INTO "idempotency_keys" VALUES(1,'acme','lost-1',X'01A232F803BD77639A2D1A3B60AAD179',1,X'08550528D4EF2CFDFDE9FBFD99BCD3479FDF4D74C158392EF5EF7771A0EE51CF',1796756244413040);
INSERT INTO "idempotency_keys" VALUES(2,'acme','postrider/acme/postrider.secret.rotated/orders/key-c983e8b1cbafa12c',X'01A232F8076B736B8D66D7C8F280AE2A',0,X'1E7843A64E2ACD05A788DC83D1743BD42138AC1137797546B680A97999CB4B41',1796756245355601);
INSERT INTO "idempotency_keys" VALUES(3,'operators','postrider/acme/postrider.secret.rotated/orders/key-c983e8b1cbafa12c',X'01A232F8077374668E2D96DB44A4E3AA',0,X'D351179F91ADF1E9AE0BBA42693F35B7DF5BBE97AD7D97D8538C1BDD7DF6A3E4',1796756245363722);
INSERT INTO "idempotency_keys" VALUES(4,'acme','orders-1',X'01A232F8190070E88BDAAD730204D04A',1,X'1241535272DD56B6A7E75F3A8FF7A34A95BD992441FEBAEBEF951D68E13EAB31',1796756249856067);
INSERT INTO "idempotency_keys" VALUES(5,'acme','orders-2',X'01A232F819057BEE8BDEC1B5F2E0DCF8',1,X'ABF0AC12F64E4BB96CBACE3A6EF6F0B99332C9CE42B91F18133C6947FA4F0783',1796756249861500);
INSERT INTO "idempotency_keys" VALUES(6,'acme','flaky-1',X'01A232F8190F7CA68F4D340C3826D502',1,X'B35E9BA1E29509ED1287E25D1252C79053DD7280BB60BF35197A006FB94768F4',1796756249871136);
INSERT INTO "idempotency_keys" VALUES(7,'acme','down-1',X'01A232F8198A7E89B7DAA4B0F597F92D',1,X'56032D18EFE91BBAA05782DE35638B774E62364CD0A5A7059CC392E5ED25914C',1796756249994025);
INSERT INTO "idempotency_keys" VALUES(8,'acme','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8198a7f4c815976653c47ff9c',X'01A232F819D77B1E8D4F8C2EAAF82C15',0,X'6EA38450DC30186376DABE9F214E96CA2E43098BAF57CDE6F987B680EBF21E25',1796756250071002);
INSERT INTO "idempotency_keys" VALUES(9,'operators','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8198a7f4c815976653c47ff9c',X'01A232F819D8721CB6F31B692E44BA43',0,X'E8C6B57B933813857E011F1A6B8CFFC3455EC3EB077E8618BC685C3C7EC866E1',1796756250072274);
INSERT INTO "idempotency_keys" VALUES(10,'acme','late-1',X'01A232F81A1B7ECD9F45845FE6DA39A1',1,X'D654A22809C131A0765438D84CB3C986A5B9ABE139B3100D8DC2927B78CB4B0B',1796756250139851);
INSERT INTO "idempotency_keys" VALUES(11,'acme','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f81a1b7bf4b335dc4d396c15c8',X'01A232F81A2A73678BF11E190C669397',0,X'57828C465E3180653AE14C7A3703137E87293913173C6ACDA5E4E3BA10C52BC3',1796756250154874);
INSERT INTO "idempotency_keys" VALUES(12,'operators','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f81a1b7bf4b335dc4d396c15c8',X'01A232F81A2F75CB8B57055C9558EEC1',0,X'35F615C6C010D826EA66A9B28CECF21157139CC3876967E2DC2203CB12B29E11',1796756250159174);
INSERT INTO "idempotency_keys" VALUES(13,'acme','blocked-1',X'01A232F81A947BDABF0D44EAF610AFAA',1,X'CA2BA4146E1393F893D1BF5CFB4F18F500CF02EE0835545F7353BA3B1DACC7DC',1796756250260544);
INSERT INTO "idempotency_keys" VALUES(14,'acme','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f81a947908bfa568c733963b9a',X'01A232F81AB47FB9BD92443B1DC53D5B',0,X'12D4EE535C8E978E93D578616FFFAB297ABFF9275A5DA78D791F175370515554',1796756250292995);
INSERT INTO "idempotency_keys" VALUES(15,'operators','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f81a947908bfa568c733963b9a',X'01A232F81AB6760DA76C3F1A7FC3A016',0,X'0D3B91D005D8AEF67540E67C91097C1E531FBC1E4524D5447BB2B742FDC7ADB4',1796756250294000);
INSERT INTO "idempotency_keys" VALUES(16,'acme','refused-1',X'01A232F81B15723F9BD5DF4C7140735E',1,X'DDE5FFF452D7FFB5DDFBF31186A358648A19195F629739098745DA4FEFD6B179',1796756250389770);
INSERT INTO "idempotency_keys" VALUES(17,'acme','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f81b15724aa2bc64dd906bafb2',X'01A232F81B3B7A1088FEA9F5837A5AF2',0,X'04F615992D8D5A6F34EE806C5EE76F8D285A817D6D8E9CA4692232704C7A3D8F',1796756250427894);
INSERT INTO "idempotency_keys" VALUES(18,'operators','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f81b15724aa2bc64dd906bafb2',X'01A232F81B3F7E008F854B45B4F6FB75',0,X'1CCC1D99469934A87480B72FD30B047FE3B363AE0DD6F6929FD2A2CFA8A3CDF6',1796756250431487);
INSERT INTO "idempotency_keys" VALUES(19,'acme','disabled-1',X'01A232F81B9E76DFAE7735954038789F',1,X'A82C38CE6D313CFB8B31811DAA8DCAD8EFF8716C75994143188142165F1C8984',1796756250526721);
INSERT INTO "idempotency_keys" VALUES(20,'acme','paused-1',X'01A232F81BAE7C4698BB4CDB68EBACC6',1,X'40C3F9DFBFBD0EDD06095AD84F6AC3B7B61953301C896111C1350543B57D5736',1796756250542357);
INSERT INTO "idempotency_keys" VALUES(21,'acme','far-1',X'01A232F81BC47FED9C8D56F200C48F72',1,X'DC3253FE3716341AEF671B488FBC1D50754F8705F868A411BA4A8CD21FA25A47',1796756250564781);
INSERT INTO "idempotency_keys" VALUES(22,'acme','filtered-1',X'01A232F81BD47D27A8B93A7144F29771',1,X'52DADD696E4ADDC8866624EA64E6712F1F30049171FD6BBFD5AE05CC987470E5',1796756250580959);
INSERT INTO "idempotency_keys" VALUES(23,'acme','ordered-0',X'01A232F81C617B0792B1660D22FC7144',1,X'A596456E88E97332A1439544FC5888566D30573102785938A3505B05BCE252A7',1796756250721859);
INSERT INTO "idempotency_keys" VALUES(24,'acme','ordered-1',X'01A232F81C657D549E3E5C3401D1E0A8',1,X'A596456E88E97332A1439544FC5888566D30573102785938A3505B05BCE252A7',1796756250725496);
INSERT INTO "idempotency_keys" VALUES(25,'acme','kept-0',X'01A232F81C7675B8A4D240406E19C8E6',1,X'D4C2FAF35F5E498E706213C2AEBC87521A420C55D3A3812D99155BFB0F7D002E',1796756250742471);
INSERT INTO "idempotency_keys" VALUES(26,'acme','kept-1',X'01A232F81C8C733E8CE7D2F1DE040472',1,X'D4C2FAF35F5E498E706213C2AEBC87521A420C55D3A3812D99155BFB0F7D002E',1796756250764555);
INSERT INTO "idempotency_keys" VALUES(27,'acme','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f81c7674d3ac70c052a7afc182',X'01A232F81CF8790A84D2F4D9472019A3',0,X'B82F3FC00CDD0C337E4BE8AF4EC700DE45312C819BE18BC2A2913BB7A81E9882',1796756250872977);
INSERT INTO "idempotency_keys" VALUES(28,'operators','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f81c7674d3ac70c052a7afc182',X'01A232F81CFF72428FC98CD56857EFC2',0,X'CD882B1239567FE390B6ED2909060BFFCF74EFB7681D707A200CB15258B7BC27',1796756250879542);
INSERT INTO "idempotency_keys" VALUES(29,'acme','later-1',X'01A232F81D0F710DABE9FC5488FB07D4',1,X'C854AB6E9CEFD0F50EAF8A904152B47F14D9763AEC421E89BDA107ADFD19B6E0',1796756250895702);
INSERT INTO "idempotency_keys" VALUES(30,'acme','asked-1',X'01A232F81D947FE7B4B078282F76D5D2',1,X'0A2E8E082120A7A71E1FD8AFA444750F08014EDD2A67680057A7866BAD2E6E99',1796756251028246);
INSERT INTO "idempotency_keys" VALUES(31,'acme','slow-1',X'01A232F81E20703DAEAFEF998086F5AA',1,X'6D7914E1B2F4E6B8986135AAD5067F07AFDA508E17E6673CE1AF55017197FE4D',1796756251168949);
INSERT INTO "idempotency_keys" VALUES(32,'acme','postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f81d0f71e58123d6c3e133b8d5',X'01A232F820B7726195D13781804DC2BE',0,X'922F83D079EDE560C0D107C4C0EA9F5F2E8CB46021A01DFC0F90DD3BBC81BE7A',1796756251831287);
INSERT INTO "idempotency_keys" VALUES(33,'operators','postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f81d0f71e58123d6c3e133b8d5',X'01A232F820C378EEB01AB2B066EBA60F',0,X'2021BD119B3917EE39A1C732BE9B5C593CE941DAD85ED31CEC82B610FE3DF3EA',1796756251843584);
INSERT INTO "idempotency_keys" VALUES(34,'acme','later-2',X'01A232F8211B7E0EB8A777322D046F9E',1,X'C854AB6E9CEFD0F50EAF8A904152B47F14D9763AEC421E89BDA107ADFD19B6E0',1796756251931076);
INSERT INTO "idempotency_keys" VALUES(35,'acme','paused-cancelled',X'01A232F821997A77B17BC47E5AA093E6',1,X'40C3F9DFBFBD0EDD06095AD84F6AC3B7B61953301C896111C1350543B57D5736',1796756252057758);
INSERT INTO "idempotency_keys" VALUES(36,'acme','hanging-cancelled',X'01A232F821AA7E76B148DFFE08F220A0',1,X'EFD443CCEABB20372D0D91757170531E02C301D2610D31B7DBE6E46155D37B95',1796756252074550);
INSERT INTO "idempotency_keys" VALUES(37,'acme','leaving-1',X'01A232F821EC783B8C121095CE08EE2E',1,X'9E54814AEC82DCAEB59E41AC953C43CA16BF82BF386AC4541EEC21EB9171BB30',1796756252140385);
INSERT INTO "idempotency_keys" VALUES(38,'gone','last-1',X'01A232F8221471468BD695C63B811730',1,X'5E56DDEBDBF21B7F1CFB8A5D7618A089725294C0AC8F93F4E16A6751DECFD65D',1796756252180232);
INSERT INTO "idempotency_keys" VALUES(39,'acme','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8226c70bda60fe57881bf077a',X'01A232F822B97172AEBB7FABB8BE30A3',0,X'0105B466B2A11B3B29B37358F717CD8B0179F8511DA4F39B49C508184F06A066',1796756252345373);
INSERT INTO "idempotency_keys" VALUES(40,'operators','postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f8226c70bda60fe57881bf077a',X'01A232F822BA741EA9EDB62F82372AB6',0,X'1094D3A5BAE23A809CDC90DCAD0BB27890B1F1C270D7D93EEB057C9E9B5AEA3A',1796756252346613);
INSERT INTO "idempotency_keys" VALUES(41,'acme','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f824af73439f6c1bd7b8950322',X'01A232F824D67E529FBF2915E345575B',0,X'A474991DCAC7C19F2B9B1CEAA053DEABDE1D4D6D487D0BDCD7B12259DB628D76',1796756252886725);
INSERT INTO "idempotency_keys" VALUES(42,'operators','postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f824af73439f6c1bd7b8950322',X'01A232F824D9779DAB3CD435D2487E38',0,X'C09AF9F47E2C438052A4524B53E5E2396C60021D3A5F70E60C5F1488CB58DBB2',1796756252889143);
INSERT INTO "idempotency_keys" VALUES(43,'acme','orders-3',X'01A232F8291F7DA082F368939B975A5A',1,X'CCBACCA44A7A58AA10B2E613E3623C316686882952234D1F9C5AD7BFF6657E15',1796756253983872);
INSERT INTO "idempotency_keys" VALUES(44,'acme','hanging-1',X'01A232F82CC07E19AF0CE0DA3D364E97',1,X'EFD443CCEABB20372D0D91757170531E02C301D2610D31B7DBE6E46155D37B95',1796756254912158);
CREATE TABLE later_deliveries (
    tenant   TEXT NOT NULL,
    event    BLOB NOT NULL,
    delivery BLOB NOT NULL,
    PRIMARY KEY (tenant, event, delivery)
) STRICT, WITHOUT ROWID;
INSERT INTO "later_deliveries" VALUES('acme',X'01A232F8190F7CA68F4D340C3826D502',X'01A232F82899789DA92950647A951D47');
INSERT INTO "later_deliveries" VALUES('acme',X'01A232F8198A7E89B7DAA4B0F597F92D',X'01A232F8226C70BDA60FE57881BF077A');
INSERT INTO "later_deliveries" VALUES('acme',X'01A232F81A1B7ECD9F45845FE6DA39A1',X'01A232F824AF73439F6C1BD7B8950322');
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('minimum_version','1');
INSERT INTO "meta" VALUES('shards','6');
CREATE TABLE operations (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    shard       INTEGER NOT NULL,
    -- 1 RUNNING, 2 SUCCEEDED, 3 CANCELLED, 4 FAILED.
    state       INTEGER NOT NULL,
    failure     INTEGER,
    -- The last id looked at.
    cursor      BLOB,
    examined    INTEGER NOT NULL,
    made        INTEGER NOT NULL,
    unfinished  INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    end_time    INTEGER,
    -- JSON: what to do.
    task        TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "operations" VALUES('acme',X'01A232F8230079DF94D8EEE0AADBB14E',4,2,NULL,X'01A232F81A1B7BF4B335DC4D396C15C8',1,1,0,0,1796151452416682,1796151452847844,'{"kind":"replay","window":{"from":1796151444413000,"until":1796151452415000},"per_second":100,"subscription":"late","states":[5,7],"event_types":[]}');
INSERT INTO "operations" VALUES('acme',X'01A232F82547796D8173CE550EF14CB3',4,2,NULL,X'01A232F824D67E529FBF2915E345575B',33,1,0,0,1796151452999613,1796151453849083,'{"kind":"backfill","window":{"from":1796151444413000,"until":1796151452998000},"per_second":100,"subscription":"newcomer"}');
INSERT INTO "operations" VALUES('acme',X'01A232F829AC760EA7C5DD79BB88E594',4,2,NULL,X'01A232F8291F7DA082F368939B975A5A',34,1,0,19,1796151454124374,1796151454873373,'{"kind":"expunge","window":{"from":0,"until":1796151454124000},"selection":{"account":"account-2"},"cancel_unfinished":false,"dry_run":false}');
CREATE TABLE outbox (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    shard        INTEGER NOT NULL,
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    event_type   TEXT    NOT NULL,
    payload      TEXT    NOT NULL
) STRICT;
CREATE TABLE payload_sweeps (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    -- The last event looked at.
    position   BLOB    NOT NULL,
    begin_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE region_clocks (
    region        TEXT    NOT NULL PRIMARY KEY,
    stopped_total INTEGER NOT NULL,
    stopped_since INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "region_clocks" VALUES('far',0,1796151444835670);
CREATE TABLE replicas (
    id      TEXT    NOT NULL PRIMARY KEY,
    address TEXT    NOT NULL,
    version TEXT    NOT NULL,
    heard   INTEGER NOT NULL,
    -- Tells processes of one name apart.
    instance BLOB   NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "replicas" VALUES('replica-1','http://127.0.0.1:59705','0.1.0',1796151455890884,X'CF6BF5BAA64C19967BC461FAD6800A1D');
CREATE TABLE shards (
    shard       INTEGER NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    owner       TEXT,
    lease_until INTEGER NOT NULL,
    -- The latest time by the clock of a process that wrote rows of the shard.
    clock       INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "shards" VALUES(0,1,'replica-1',1796151465890136,1796151455889646);
INSERT INTO "shards" VALUES(1,1,'replica-1',1796151465890136,1796151455889646);
INSERT INTO "shards" VALUES(2,1,'replica-1',1796151465890136,1796151455889646);
INSERT INTO "shards" VALUES(3,1,'replica-1',1796151465890136,1796151455889646);
INSERT INTO "shards" VALUES(4,1,'replica-1',1796151465890136,1796151455889646);
INSERT INTO "shards" VALUES(5,1,'replica-1',1796151465890136,1796151455889646);
CREATE TABLE subscription_sequences (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
INSERT INTO "subscription_sequences" VALUES('acme','asked',1);
INSERT INTO "subscription_sequences" VALUES('acme','blocked',1);
INSERT INTO "subscription_sequences" VALUES('acme','down',1);
INSERT INTO "subscription_sequences" VALUES('acme','far',1);
INSERT INTO "subscription_sequences" VALUES('acme','filtered',1);
INSERT INTO "subscription_sequences" VALUES('acme','flaky',1);
INSERT INTO "subscription_sequences" VALUES('acme','hanging',2);
INSERT INTO "subscription_sequences" VALUES('acme','kept',2);
INSERT INTO "subscription_sequences" VALUES('acme','late',1);
INSERT INTO "subscription_sequences" VALUES('acme','later',2);
INSERT INTO "subscription_sequences" VALUES('acme','leaving',1);
INSERT INTO "subscription_sequences" VALUES('acme','lost',1);
INSERT INTO "subscription_sequences" VALUES('acme','newcomer',1);
INSERT INTO "subscription_sequences" VALUES('acme','ordered',2);
INSERT INTO "subscription_sequences" VALUES('acme','orders',3);
INSERT INTO "subscription_sequences" VALUES('acme','paused',2);
INSERT INTO "subscription_sequences" VALUES('acme','refused',1);
INSERT INTO "subscription_sequences" VALUES('acme','slow',1);
INSERT INTO "subscription_sequences" VALUES('gone','last',1);
CREATE TABLE subscriptions (
    tenant        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    shard         INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    status        INTEGER NOT NULL,
    status_reason TEXT    NOT NULL,
    settings      TEXT    NOT NULL,
    -- Secrets, sealed by this data key of the tenant's; null once it is deleted.
    data_key      BLOB,
    signing_keys  BLOB,
    header_values BLOB,
    search        TEXT    NOT NULL,
    paused_total  INTEGER NOT NULL,
    paused_since  INTEGER,
    revision      INTEGER NOT NULL,
    -- The one since which its requests have been made alike.
    request_revision INTEGER NOT NULL,
    -- The tenant's config_version that its last change made.
    config_version INTEGER NOT NULL,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    delete_time   INTEGER,
    -- How receivers recognise the sender, encrypted; absent where a subscription has nothing of
    -- the kind. And when it is warned next that a certificate among them ends.
    credentials   BLOB,
    certificate_warning INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO "subscriptions" VALUES('acme','orders',4,'Orders','http://127.0.0.1:41993/ok','default',1,'','{"display_name":"Orders","url":"http://127.0.0.1:41993/ok","event_types":["orders.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[{"name":"x-api-key"}],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01C44D2E235F5F19234CA514512E8992ADD11FBE97BF66B9768CD20E5707C69919C7E99B5026C09F9EBE3CE45862F6F6CA655B6233E73218589F6C5F486A125156FFDCDA779E4E507E387F51E68202182330C917042356D7B94ACA29887E2F251232E7858F0DAFC8B7E1FBD85B07C70491262AE61D867870C05E288A686A417B47D03D507B490C39F7DD4FDD3F9782F5B4A679FC06CA8DA7D26F062F72083827C8ED78EFBFB37D7F4A79A9B020BBDBF7CD6761FD51980BF7B41874DC58513D91DA1A1BBF4F1829FE15E95C64293F9B8573D6EEE6865A4FA9DF81699120EFC994AC2E99D881B32E663501A53AB5EC791838478BA88A6F0CE603427356638B5E132CC254A86999EDC405B5CE60E91CBECDFC64E50A4F1873FC73CB97A8644BDAD13D898EAD16B0E43C8AC19833085998988C93272AA1279261E1B65E99F0A48291D374721143E81543B2C98306DDCEC0034ABF',X'01C3940BCBEA2756FF5E15B62B95C50833C212CCDECACFFA77E5D99F1D2EE53A6980E6F01E4E7DA6B38CCA09B24FA7D5CEB62964','orders
orders
http://127.0.0.1:41993/ok',0,NULL,2,1,20,1796151444028373,1796151444332848,NULL,X'01846A5B84716279C3D7C3B3C37B45B6A58F19E40311CBB60C0C2A0822FE82D479F3A20B5A9ECD46C598EF4B161649BE06A064839094501ED89D452B8B48DD2116C27BB5FE507A071437CDF56FD718BD69B98E8206C656F70830AB37748702552B9B8DDE7194AB99C028B53909245BAA2D0B19C110D112259D2D38C76FAE4F234806CA7D2347C407322C4139B967C73F54E58ECE12FBD9017706',NULL);
INSERT INTO "subscriptions" VALUES('acme','flaky',4,'','http://127.0.0.1:41993/once','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/once","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'0175BE609CABD3D15C19217D4CA23FB5B48DB2BA9B79BCC32AC7D9484EDB8C3A1C0D1D6BD8D1455E642B2D01E775D3D36E593C21560F67DFE9ED27F31C62D6C4ECC049AE1B8A359C6375284097B78A4DFCC3B311EA22E41FFD4B8F38A6F781D465D48543110A25264DA021EEA00C8ADF13FBBA4A805FBD0F7628E7EFAD3235218609A6C69E10B5034C7C8F5A612F790A12C1C40654943917AE17F82BC3B04448ACE3C92AE380E430EACDA27C8C3A5CD4F7F008DA4B0AE36A',X'016D4EE7368611D15F7A03602F013C3A8A75A1D163AC26423C1FCD78800903','flaky

http://127.0.0.1:41993/once',0,NULL,1,1,3,1796151444042666,1796151444042666,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','down',4,'','http://127.0.0.1:41993/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/error","event_types":["down.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01694A88C81A30B85288E3CC6BC1CEEB158BC47AA14DF42904DC6000D90C2C46ADCEDB56E39980FC0E2826F03AB8A46DB74BAEAAC9F00A67E0687F3C72DB1FF8BBC4B17E446C84791522977B164DD9925A995E0829EF20FAB0F3EAD1A804500481AEFA879D967FCF34F885DF82BCDBF1293F8576AF619654DD6C7C365D32270CBC701E3D8441BCC27AC81E757839A5ADC9E15ABF3EB3409A6A1C69CF8D6E663C98B5FA6009A2BBCF006C3FA585889196EED27B0A77F4F0DF',X'015350F6E6489BEE8016481FAF1B48AE144728049F5D98C082C2836EDB01FB','down

http://127.0.0.1:41993/error',0,NULL,1,1,4,1796151444050639,1796151444050639,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','later',4,'','http://127.0.0.1:41993/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/error","event_types":["later.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'013BB088590DF6F0117DB42388FE658B2A49C42C87BEA15755A4C1844FA3B5DC30400FECDC3C1357F5CAD72B3E0872F1410609B3AF951040BCE78396E4912AA94A9419E65292CDBE4487155DFE06D050A48F37BB291A3F68982DD06E36FB7175008D60F5615B486F153C7776B49FEA3F842BD8207F36A3A36DBA9E1C84DC215CADA942E2486AF125F775D469A8C86046AB7BE16FD38F434ABEDC64886C73C68205DFAA1912880C0F551E775C2F8B8E06A2FCC4701FEA2908',X'0175EB7B856B863D1280308F6D538D7744B45D0C94617CC1AA2F6A5C3BDA0E','later

http://127.0.0.1:41993/error',0,NULL,1,1,5,1796151444058636,1796151444058636,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','late',4,'','http://127.0.0.1:41993/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/error","event_types":["late.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":{"secs":1,"nanos":0},"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'012D576923830A1385EB342C291237B988C38236D025A414EA953DE957947F9450E9C33DEDEAB40E865431D47A247CD9EE8094C41CA3243E787917D0FCF4B53F61AE718479DFFBF5B24FF74F907554D8A090EFA6C7F6C4797365611CA09CFA7408C901D189F971A5A7C5B5F1EB0C9D4707EBD43A30904FFB9D1F7DF33D09DD45D1D6FD845D3E9AE36507D476CBEEF9ADE37D1603A235B808E0F920592CC0184F384D14243F472716BE4C8122597C0F41ABBF555C569865FA',X'01334C39E12FD69626960036C9E16658F8FC2A82BFE5DB8B18A3E0378C1AA4','late

http://127.0.0.1:41993/error',0,NULL,1,1,6,1796151444069442,1796151444069442,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','ordered',4,'','http://127.0.0.1:41993/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/error","event_types":["ordered.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'014B0AD57E71A94520E37B2B129B841A49AF9FB555EBE5CD0B41AF59F1FBEC789F76231C42F1C006074D491FC93A0B2DAFE0A90CFFCC246D8DA6BBA113E34845AF11C42EC923BBD372AD6B3E0E4C690F4B52C2F38A6374716CA4AD5BDF0A54D41E318F667A6D3C470F16B13C9721029F09E47EE5A923B1259831BE1173359081858106001FA42C441EA0CAEB5F7E55AB1EEABB000012A6EAC816AC55DFD2D1681718817D1F642F4D9D8BFA2373BF3CA81619703BC4BC53E8',X'013A93805B597B52258B834F56FEEF9F0BE2B3B16DA64E6AEB968120546C25','ordered

http://127.0.0.1:41993/error',0,NULL,1,1,7,1796151444094653,1796151444094653,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','kept',4,'','http://127.0.0.1:41993/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/error","event_types":["kept.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"hold","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01597CA51BA611982796DDBBD51E26DDF1CD8967DF1CE5B54C4DCFB38FC7F47E62301922147E0CE5BD7DAA1761AFFAC35329BBB2C8D1FF036FF8BF72EA902448EF121EC7005924F88C8B34958F66166A393B86394358FDED7021BA454027F7F9D72DCAD7A4FF8253395EE3337FD4583F03C62474023C7794CBE0B0F281D2BDE8C023BE64FFC0D9F6E720A63DA6D8B23677D2137978D032E65E04D19987E93BBE2902D6F15849A84DCCCF29A7ACB6511CFDAC9437A0E1A925',X'0166895706F01FBA80ED3095A5F5348CE112B38E03A5958F26E55831BA7A97','kept

http://127.0.0.1:41993/error',0,NULL,1,1,8,1796151444110944,1796151444110944,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','asked',4,'','http://127.0.0.1:41993/wait','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/wait","event_types":["asked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'014F7855D55F0A6701CAD977A9DCF379A50AB43B1E9ED897A3CFCE5110D58B689E0F4B6FAEA29FE0F15F451AE6BB6F7BA22C19F36B9CA0A878724B02986CDD5D4DE4222BD6ADF7C3755D5AF5032AB7135944F5C74E966450265FE076B7CD5A5F924CDF663C0FFBD8992F321659940B8029D1A5CC087A0088EDF419E0DC5AC6CEF0369FF6016DC3D6013867D3C37D710F95BC4E54EC21390C0D495A74FFA915C43C60A84FFF51A6AF6AC6EB5D985249227D41D2C36339E984',X'01A5216E939C900EA3187D38FF37EA8EA38784E668D4B1A9162E2F97FA9715','asked

http://127.0.0.1:41993/wait',0,NULL,1,1,9,1796151444134855,1796151444134855,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','paused',4,'','http://127.0.0.1:41993/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["paused.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01987ADF410926D3E00A2D504882218DAB180D5A13ECC1D976CA8B3D5767AA74A3739EFC31527CB5A03DA0774D13FFF91C863FF234D3940FC006FE2768492889EE1749E4895F3F527F36B36A6A02B5A28D9E8DB2AAAC89E9F6A42B600D3ADE508737CF668CC3988C6F6C013C36205D72755C4849DDBDEFA06F75002A298EA09402E46C349167CD97F86C45A770DAAB23D276A6087474E9F567B135828020E0C8487FD74BADA682C98296042677738FE26122E4169FEF107A',X'01295AE90848498FEC75C14921A727A137163C4AAB172383DD8D94E0BAAD32','paused

http://127.0.0.1:41993/ok',0,1796151444154952,1,1,10,1796151444154952,1796151444154952,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','disabled',4,'','http://127.0.0.1:41993/ok','default',3,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["disabled.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'0155075695EF2FA7DEC9FA3E2CB247B78CC55C54C678A7EFD7A100CCBC3BFBFDC2329350E59A0C98DD8ABE2D81F76E5D6056B8B208764D873A5C12E9981ACDE6F65CEFC9B3D39B658B4D5FA3A78D4224543377D03E812566A9C892D892225CBD7498FD2EA900C48776B200E67593E25A6AA28EC65D1B8C9D6C3216275CE7597D034492D1140988483D3A718497F9DB408A79D39FE2DCE934DB7BB4AE53078596A00A2C4D37B0015B41FDD94522376A8697745EB231C6525C',X'01E6801489778E7075E43C07F462B8B08E91CB7428B0CFA0AB5F9DEC8E579C','disabled

http://127.0.0.1:41993/ok',0,NULL,1,1,11,1796151444172557,1796151444172557,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','far',4,'','http://127.0.0.1:41993/ok','far',1,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["far.*"],"accounts":[],"region":"far","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01C277FD3801F89A68380C1C3077F66D7638D310FE42D968D5A22270F8101780659AD3EB7D62360AAEA58E5E3A3876D67D4769A68CED6568A985F6FD7F7DE771656A89B12AF2CBDE02C7F4BC477642F9F65AC560064B1358B2EA1BA406B073878029D9EEAA26E95A587B81ABF0E7DB050B901C5B8B1E117CF590B40F7382823C5746B4124DD118A69D758BAFC968B2AFB78F6BD2ADC627113E7DFAE369C16FFD5FD31D72E7CC62B2DB4B2CB9BA86D4F8397F4409F7FC04A2',X'01AC15FFAC86DFB69C438B53C6B79E7106A47C1D829B03DFD6698D08F7B993','far

http://127.0.0.1:41993/ok',0,NULL,1,1,12,1796151444186485,1796151444186485,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','blocked',4,'','http://10.0.0.1/','default',1,'','{"display_name":"","url":"http://10.0.0.1/","event_types":["blocked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'012A891508D65A1F32B6E06D448FB511E1CC8E886801647B51AD93CBDD536EAD7384843355DC08346546EE437FCBF5D92A5F67A540CB5851AF7D48C254851FE5DD6F9CDFA1F073BDC7FF84E1B6C3D9E1E414660A279DD756B4AD03801D93C847C833478192914679196F4C06E0EC264EECC0A3C660D7E638D01D9C0D5436708EEBC536CDB0902F9794925E67B80121A97B61EE30B42A7E0F0ED145B2B0FA453AF4BBCE3DC768DA9E847DF8478DDD2059C3C491F80CB847BA',X'01BE567C5CE0B5FE48531FE81C53107ADA4A79438C768C935A096F073EC056','blocked

http://10.0.0.1/',0,NULL,1,1,13,1796151444208905,1796151444208905,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','refused',4,'','http://127.0.0.1:36723/','default',1,'','{"display_name":"","url":"http://127.0.0.1:36723/","event_types":["refused.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01346261D6938789F595225B2E7413BE0AE17270735F7821C7C017E744EF6625E29271A2A220EF85D9CFDAA727DC7E643734FFC98D0142E73FAB0D0E81ACD00C32AB308A321EE41EFE7E30A7AAC70EDFD64E89202A6A063B2EB9C0013EE86BC2680E879579EF20882EA38354FDD8BE73142652BAF77AE30DB251AFB41A0CADA938F76EEE8F460D3B9C7235D095C2604D4B09037C414A9E5168BFC4E4881D3DC229CF57E7E1C3A0EAF74ABCE128B9B395B57FC81B748D84AE',X'013D4E2371E73CEE28ED6E0C78120439397C81968EA682F1FC537A0D6F03E3','refused

http://127.0.0.1:36723/',0,NULL,1,1,14,1796151444218826,1796151444218826,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','slow',4,'','http://127.0.0.1:41993/hang','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/hang","event_types":["slow.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":0,"nanos":500000000},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01498FC71C60BD2001971610B2AE660BBBA20E097E5A192F619279520F20DDD594DAE28D268994DEEA9C49E12806CE2EB4C44F1FB2CEF4BB8A2AAA57D61A9A02F37A3172C2440B5E60BC491BE781F0ECB488AB8EC31A32EE7636B99CEFC8A34006325B1D0FA2D0684164FC19B3A09992A840503ADA0022A1670C71B02E2C1712F75A771F0863FACB886ED7CEF61FEF9307903CA03752B36901FB643F61A8D22DD6A3FACD52B4B2557579F36421D0E1BA5C8D010B1ED2139E',X'01204583C3469E778425552B6B861133FBC49FB279676DCDF35409AFF939AA','slow

http://127.0.0.1:41993/hang',0,NULL,1,1,15,1796151444225126,1796151444225126,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','filtered',4,'','http://127.0.0.1:41993/ok','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["filtered.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"event.payload.missing.field == 1","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01D471E12775C1DB99EED3B46AE155F08733FF5C264ADB42D335BF229F2AB1FF6AB8DD2E1D82AB623E6E8EF53D671B8021D2FC179926D52659300A731B56349995D78714DA53EDDF51FAB62B81A3A7F69BF8E7262E792FEB70570A6AE8747F5DF2D76B630A7E7188F4B40757FFECEDFCE52EECFC9BC3C46B69004DA173612F9A165F965E6A50B30980F37AD64B985353558E68E4B2D12F472BA98087192F9B3D7E9CCB79B227AE0A562B349E6661434550037E04CFD414BB',X'01F2A2D078C937E5562102FEACA9D5E31EBD0D16A7B907422EA7B10119F73F','filtered

http://127.0.0.1:41993/ok',0,NULL,1,1,16,1796151444236772,1796151444236772,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','lost',4,'','http://127.0.0.1:41993/hang-once','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/hang-once","event_types":["lost.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'01DC0E5B41DD08C16229A442F8BE57A572F8FCAA80951826429EC7C354BDC51D67FBBE6166DECFE6564E7C7856EAF94B89B25BF4169AD0841B1A7C1D923175DA89D38E21CE66B89AF6EC6DD6FCF065D6E7A16B943519F4DCE10BE2A35F7EA8328FEC6CF7B02C1561C28DE9C34EBAF188BACC0757B8D7B900A61C001ECC203D2381906092B62486AD9ABAFD7D3118014AB17C3710DCC09A871D00CA575144B3E5EF26AD50137464A653AD85D6D2028A7CF2C3C61CA47B5D62',X'01E343720B480706B6C59917151BC28EDBAF8EED4C578BAE54D96B85DE7E04','lost

http://127.0.0.1:41993/hang-once',0,NULL,1,1,17,1796151444253453,1796151444253453,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','hanging',4,'','http://127.0.0.1:41993/hang','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/hang","event_types":["hanging.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'013CF25BE37BCAADAD3587968FF0AE4CDA18C00B4678BB7AF43E28C9A8043700F152ED83B0A836138AFCE54C01CDA3309902A41D3608AD138477529287333EEB24DA5B8AB01642702E3FA72E4FCB0B4DEDA2C3F0A744CE1868876E134505C5D2C84D119A52146295F547CE2E79402751B7036D3C9472D53909DACB2CBCCC0CBCF2F7B3BA486F2FF495A5A15F04D6E27271FC1267EC11B25A63E5D4F679734391C2A21A18B19C9FECE1AB8190894357EC18E7D6603E05FF69',X'01B9C373718C1E1524432128DAA233417C468B0AAF9C91260222C247D2E3AE','hanging

http://127.0.0.1:41993/hang',0,NULL,1,1,18,1796151444279130,1796151444279130,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','leaving',4,'','http://127.0.0.1:41993/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["leaving.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',NULL,NULL,NULL,'leaving

http://127.0.0.1:41993/ok',0,1796151444294038,2,1,21,1796151444294038,1796151444294038,1796151452157258,NULL,NULL);
INSERT INTO "subscriptions" VALUES('gone','last',2,'','http://127.0.0.1:41993/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["last.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',NULL,NULL,NULL,'last

http://127.0.0.1:41993/ok',0,1796151444313511,2,1,2,1796151444313511,1796151452196842,1796151452196842,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','newcomer',4,'','http://127.0.0.1:41993/ok','default',1,'','{"display_name":"","url":"http://127.0.0.1:41993/ok","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7EF41826D7DA433384415974E2AC404A',X'0184F0C364FF338728D5C456F0DB5820CAB667D2964BA0BB1197424DE4C132FD9CF669EE8D6FF2C72654D7A74B9736E56352F47DCD482EFC35F4F90B3C5BA906DE6FE6EFEDE51C6BD093638BECCE149BA8A561F8A7BA842C14A46928A2DB1184EB023CCC9964772F28E74BC6F6EFBBD1A35EA048E6BED3A6CCD23C67EEA1DFD616DEABF4AFC2F6767705AE4094D284F6F124B18B7BAD284DAFF04C0BCA648C2AC6D1A726F09DA22687F06B083A77AD0EB2E15200E5040B32',X'01DFCD729F3EE4A24A9FBF209C5A12F54F9E7F03415466078A087115B6C8A6','newcomer

http://127.0.0.1:41993/ok',0,NULL,1,1,22,1796151452976550,1796151452976550,NULL,NULL,NULL);
CREATE TABLE tenants (
    id                  TEXT    NOT NULL PRIMARY KEY,
    display_name        TEXT    NOT NULL,
    allow_insecure_urls INTEGER NOT NULL,
    labels              TEXT    NOT NULL,
    -- How long history and payloads are kept; null: as long as the installation keeps them.
    history_retention   INTEGER,
    payload_retention   INTEGER,
    -- In lower case, what a search looks through.
    search              TEXT    NOT NULL,
    config_version      INTEGER NOT NULL,
    revision            INTEGER NOT NULL,
    create_time         INTEGER NOT NULL,
    update_time         INTEGER NOT NULL,
    delete_time         INTEGER,
    -- Of subscriptions that are not deleted.
    subscription_count  INTEGER NOT NULL DEFAULT 0,
    -- What new secrets of the tenant are sealed by; null until it has one.
    data_key            BLOB
) STRICT, WITHOUT ROWID;
INSERT INTO "tenants" VALUES('acme','Acme',1,'{"tier":"gold"}',NULL,NULL,'acme
acme',22,1,1796151443994674,1796151443994674,NULL,18,X'7EF41826D7DA433384415974E2AC404A');
INSERT INTO "tenants" VALUES('brief','Brief',1,'{}',864000000000,86400000000,'brief
brief',1,1,1796151444001727,1796151444001727,NULL,0,NULL);
INSERT INTO "tenants" VALUES('gone','Gone',1,'{}',NULL,NULL,'gone
gone',3,2,1796151444011633,1796151452196842,1796151452196842,1,NULL);
INSERT INTO "tenants" VALUES('operators','Operators',1,'{}',NULL,NULL,'operators
operators',1,1,1796151443989191,1796151443989191,NULL,0,NULL);
CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    -- SHA-256 of the token's text.
    hash          BLOB    NOT NULL,
    -- 1 SERVICE, 2 PORTAL.
    kind          INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    -- JSON: roles and where they hold.
    grants        TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    expire_time   INTEGER,
    revoke_time   INTEGER,
    -- Written at most once a minute.
    last_use_time INTEGER,
    -- Which tenant it counts for: the first of those that it holds in; '' where it holds
    -- in the whole installation.
    tenant        TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO "tokens" VALUES('408f9f56351fbf9e4a54',X'B449DA9BFFDCE0BBBA1820A459A596F4E84958242B1F5A43AF5CF830051FC560',2,'','[{"role":"reader","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796151444391600,1796155044391600,NULL,NULL,'acme');
INSERT INTO "tokens" VALUES('6e92e3b81b01d6d53e92',X'6F55297D74611C6843F1BDD08CC97F2FE54EEB45AAE56705DFE47C0299C92BEE',1,'revoked','[{"role":"publisher","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796151444371437,NULL,1796151444382756,NULL,'acme');
INSERT INTO "tokens" VALUES('a1ccb3fc2d8ec3729928',X'0A5BCE22C9475A9293BB718221CE607B644B4DE69F578F8CBBECA2CC3E1B0CB9',1,'publisher','[{"role":"publisher","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796151444350014,NULL,NULL,NULL,'acme');
CREATE INDEX tenants_retention ON tenants (id)
    WHERE history_retention IS NOT NULL OR payload_retention IS NOT NULL;
CREATE INDEX subscriptions_changed ON subscriptions (tenant, config_version);
CREATE INDEX subscriptions_deleted ON subscriptions (shard) WHERE delete_time IS NOT NULL;
CREATE INDEX subscriptions_certificate_warning ON subscriptions (certificate_warning)
    WHERE certificate_warning IS NOT NULL;
CREATE UNIQUE INDEX events_id ON events (tenant, id);
CREATE UNIQUE INDEX idempotency_keys_key ON idempotency_keys (tenant, key);
CREATE INDEX deliveries_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_in_flight ON deliveries (shard, epoch) WHERE state = 3;
CREATE INDEX deliveries_waiting ON deliveries (shard, tenant, subscription, due) WHERE state = 2;
CREATE INDEX deliveries_waiting_tests ON deliveries (tenant, subscription, due)
    WHERE state = 2 AND test = 1;
CREATE INDEX deliveries_deadline ON deliveries (tenant, subscription, state, deadline)
    WHERE state = 1 OR state = 2;
CREATE INDEX deliveries_held ON deliveries (tenant, subscription, ordering_key, sequence)
    WHERE state = 1;
CREATE INDEX deliveries_held_event ON deliveries (tenant, subscription, ordering_key, event)
    WHERE state = 1;
CREATE INDEX deliveries_key_under_way ON deliveries (tenant, subscription, ordering_key)
    WHERE state > 1 AND ordering_key IS NOT NULL;
CREATE INDEX held_keys_quiet ON held_keys (quiet_until) WHERE held = 0;
CREATE UNIQUE INDEX ended_deliveries_id ON ended_deliveries (tenant, id);
CREATE INDEX ended_deliveries_subscription ON ended_deliveries (tenant, subscription, id);
CREATE INDEX ended_deliveries_tenant ON ended_deliveries (tenant, end_time)
    WHERE outcome IS NOT NULL;
CREATE UNIQUE INDEX attempts_number ON attempts (tenant, delivery, number);
CREATE INDEX attempts_tenant ON attempts (tenant, record_time);
CREATE INDEX attempt_stats_hour ON attempt_stats (hour);
CREATE INDEX hold_clocks_until ON hold_clocks (held_until);
CREATE UNIQUE INDEX outbox_id ON outbox (tenant, id);
CREATE INDEX outbox_shard ON outbox (shard, seq);
CREATE INDEX failing_endpoints_shard ON failing_endpoints (shard);
CREATE INDEX operations_running ON operations (shard) WHERE state = 1;
CREATE INDEX operations_ended ON operations (end_time) WHERE end_time IS NOT NULL;
CREATE INDEX tokens_tenant ON tokens (tenant);
CREATE INDEX tokens_maker ON tokens (created_by);
CREATE INDEX audit_records_time ON audit_records (record_time, chain, sequence);
CREATE INDEX console_sessions_caller ON console_sessions (caller);
CREATE INDEX console_sessions_tenant ON console_sessions (tenant);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',9);
INSERT INTO "sqlite_sequence" VALUES('attempts',28);
INSERT INTO "sqlite_sequence" VALUES('ended_deliveries',32);
COMMIT;
