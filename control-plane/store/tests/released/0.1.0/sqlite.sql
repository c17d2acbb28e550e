BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'tables','2026-12-01 14:20:07',1,X'8165C9F281AA26E293F78526F410035A90849BABCE2E6DF698AD804FAAE61D195FCC7F549EBC4515CC4C371143453D02',5500177);
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
INSERT INTO "agent_sightings" VALUES('default/agent-2','replica-1',X'B45F2B9A2683D0DE1AD828EAB436779F','default','0.1.0',512,1,0,-430,1796134818279081);
CREATE TABLE attempt_stats (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    hour         INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    -- Of each duration; src/sqlite/histogram.rs.
    counts       BLOB    NOT NULL,
    PRIMARY KEY (tenant, subscription, hour, outcome)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempt_stats" VALUES('acme','asked',1796133600000000,2,X'860301');
INSERT INTO "attempt_stats" VALUES('acme','blocked',1796133600000000,9,X'3F014901');
INSERT INTO "attempt_stats" VALUES('acme','down',1796133600000000,2,X'A302012C01C002010101');
INSERT INTO "attempt_stats" VALUES('acme','filtered',1796133600000000,1,X'8F0301');
INSERT INTO "attempt_stats" VALUES('acme','flaky',1796133600000000,1,X'930501');
INSERT INTO "attempt_stats" VALUES('acme','flaky',1796133600000000,2,X'9D0201');
INSERT INTO "attempt_stats" VALUES('acme','hanging',1796133600000000,11,X'0001');
INSERT INTO "attempt_stats" VALUES('acme','kept',1796133600000000,2,X'940502');
INSERT INTO "attempt_stats" VALUES('acme','late',1796133600000000,2,X'B702011F01');
INSERT INTO "attempt_stats" VALUES('acme','later',1796133600000000,2,X'A6020133010301');
INSERT INTO "attempt_stats" VALUES('acme','lost',1796133600000000,1,X'E80201');
INSERT INTO "attempt_stats" VALUES('acme','lost',1796133600000000,11,X'0001');
INSERT INTO "attempt_stats" VALUES('acme','newcomer',1796133600000000,1,X'A80301');
INSERT INTO "attempt_stats" VALUES('acme','ordered',1796133600000000,2,X'D60501');
INSERT INTO "attempt_stats" VALUES('acme','orders',1796133600000000,1,X'A603012901C20101');
INSERT INTO "attempt_stats" VALUES('acme','refused',1796133600000000,5,X'C301010401');
INSERT INTO "attempt_stats" VALUES('acme','slow',1796133600000000,3,X'FA0601');
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
INSERT INTO "attempts" VALUES(1,1796134813562686,'acme',X'01A231FA2A4177E8A40ED6072D925D7B',1,'lost',X'01A231FA2A41757C998A13A16E8AB06A','lost.happened',11,NULL,1796134813562267,NULL,NULL,NULL,NULL,0,X'',X'',0,0,'it may have been sent; no living agent knows of it','agent-1','default','','',1,0,1796134813562661,NULL,2,NULL);
INSERT INTO "attempts" VALUES(4,1796134813632861,'acme',X'01A231FA3FB5732CB2266ED9E185C7E6',1,'flaky',X'01A231FA3FB57D18845CE195ECF8BC53','flaky.happened',2,502,1796134813631671,NULL,NULL,NULL,622,747,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746830',X'',0,0,'the status 502 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796134813632835,1,2,NULL);
INSERT INTO "attempts" VALUES(7,1796134813745900,'acme',X'01A231FA4029757097FBB4CBB2AC6104',1,'down',X'01A231FA402971E6B86284CB5D0340D2','down.happened',2,500,1796134813744765,NULL,NULL,NULL,609,797,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796134813745819,1,2,NULL);
INSERT INTO "attempts" VALUES(10,1796134813967843,'acme',X'01A231FA410B7D7BA7F67806D969D1D6',1,'blocked',X'01A231FA410B7A8682FF00B7A9950796','blocked.happened',9,NULL,1796134813967453,NULL,NULL,NULL,NULL,146,X'',X'',0,0,'the address is not allowed','agent-2','default','','',1,0,1796134813967823,1,2,NULL);
INSERT INTO "attempts" VALUES(12,1796134814084427,'acme',X'01A231FA417B74F8A34B9662980F87D6',1,'refused',X'01A231FA417B7BC796027CCC5A0FA271','refused.happened',5,NULL,1796134814083732,NULL,NULL,NULL,NULL,289,X'',X'',0,0,'connecting to 127.0.0.1:44999 failed: Connection refused (os error 111)','agent-2','default','127.0.0.1:44999','',1,0,1796134814084390,1,2,NULL);
INSERT INTO "attempts" VALUES(16,1796134814524552,'acme',X'01A231FA42C57AB3800385F035C9506C',1,'ordered',X'01A231FA42C575DA916B6C953F8665CD','ordered.happened',2,500,1796134814435778,NULL,NULL,NULL,88168,88327,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796138414524517,1,2,NULL);
INSERT INTO "attempts" VALUES(17,1796134814583764,'acme',X'01A231FA433D753786E42D53A8B1FF7A',1,'kept',X'01A231FA433D72F1AA5F056CF6AEF97F','kept.happened',2,500,1796134814540140,NULL,NULL,NULL,758,43154,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796134814583728,1,2,NULL);
INSERT INTO "attempts" VALUES(19,1796134814685300,'acme',X'01A231FA43D170839AD7077C60A3D761',1,'later',X'01A231FA43D177029BBCABAB0E58A88C','later.happened',2,500,1796134814683417,NULL,NULL,NULL,1384,1517,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796138414685267,1,2,NULL);
INSERT INTO "attempts" VALUES(20,1796134814803853,'acme',X'01A231FA444C7F70A8ABB5AD782F9009',1,'asked',X'01A231FA444C7D409FA732E778D2E15B','asked.happened',2,503,1796134814801287,NULL,NULL,NULL,2124,2260,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000B0000000472657472792D6166746572333630300000000E00000001636F6E74656E742D6C656E67746830',X'',0,0,'the status 503 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796138414803827,1,2,NULL);
INSERT INTO "attempts" VALUES(21,1796134815414208,'acme',X'01A231FA44BC75B190B0038564CB9924',1,'slow',X'01A231FA44BC7F8A97E443B6443E2078','slow.happened',3,NULL,1796134814912157,NULL,NULL,NULL,NULL,501348,X'',X'',0,0,'the request timed out after 500ms, before a response came','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796138415414172,1,2,NULL);
INSERT INTO "attempts" VALUES(24,1796134815583491,'acme',X'01A231FA4752757DBDD36D0B4D52C707',1,'later',X'01A231FA47527A26BDCDB5C265C6277C','later.happened',2,500,1796134815582316,NULL,NULL,NULL,586,818,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313520474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',1,0,1796138415583466,1,2,NULL);
INSERT INTO "attempts" VALUES(25,1796134815694613,'acme',X'01A231FA47C87B98930097905D3AB3EA',1,'hanging',X'01A231FA47C87ED9B3A07152FAB8476B','hanging.happened',11,NULL,1796134815688412,NULL,NULL,NULL,NULL,0,X'',X'',0,0,'cancelled while it may have been under way','','','','',1,0,NULL,NULL,6,3);
INSERT INTO "attempts" VALUES(28,1796134815741794,'acme',X'01A231FA47F47F7687DDAAC75DA8541D',1,'down',X'01A231FA402971E6B86284CB5D0340D2','down.happened',2,500,1796134815740174,NULL,490,NULL,595,1291,X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313520474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF',9,0,'the status 500 does not count as success: those from 200 to 299 do','agent-2','default','127.0.0.1:46489','HTTP/1.1',3,0,1796134815741769,1,2,NULL);
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
INSERT INTO "audit_chains" VALUES('',4,X'0FD434A101856F6F62993C638C5C90B505F6BBF7D2A835DD397BE66CDDAB1FEE',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('acme',35,X'CDF4CDC51EF6B57F5DB934361D0F193926B4AA2730969D873CA2D735E985A57D',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('brief',1,X'8AA6528878B76AC0F7E149F8D6766DA07C4DC481779C0EA295162023E1E648CD',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('gone',3,X'5387874F4C90A65D98936FCF4B53D92EF7D376B9EE31E050D553DE90ADC96123',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "audit_chains" VALUES('operators',1,X'B4573502D991D55EB3B73FD72AEE77CAADA21E232FAD6B5F26872040D5F6A3D0',0,X'0000000000000000000000000000000000000000000000000000000000000000',0,X'0000000000000000000000000000000000000000000000000000000000000000');
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
INSERT INTO "audit_records" VALUES('',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'20734214334BE520DC84719E82DC7CD1AD2C71EA2501A4DA816888613CF01EAD',1796134807534412,'system','','','begin the audit log','installation','[]',0);
INSERT INTO "audit_records" VALUES('',2,X'20734214334BE520DC84719E82DC7CD1AD2C71EA2501A4DA816888613CF01EAD',X'C1969B1F47A42563B1718C16E730FCF8F9D99A6B4DCE818FDBC3274D3B768A45',1796134807865958,'token:7e577e577e577e577e57','127.0.0.1:59116','010c1df59ffbc3432b51729be33421e1','postrider.v1.EventTypeService/CreateEventType','eventTypes/orders.happened','[{"field":"description","before":null,"after":"Something was ordered."},{"field":"group","before":null,"after":"orders"},{"field":"json_schema","before":null,"after":"{\"type\":\"object\"}"},{"field":"sample_payload_json","before":null,"after":"{\"amount\":\"1\"}"},{"field":"schema_validation","before":null,"after":"ENFORCE"}]',0);
INSERT INTO "audit_records" VALUES('',3,X'C1969B1F47A42563B1718C16E730FCF8F9D99A6B4DCE818FDBC3274D3B768A45',X'5D94DF696A05C46AEAD57F4EB246D2240E3160284262A6C30E5931DA3D0252A9',1796134807895350,'token:7e577e577e577e577e57','127.0.0.1:59126','569edb7ae2c274a36f2fcd949980b007','postrider.v1.EventTypeService/CreateEventType','eventTypes/orders.retired','[{"field":"group","before":null,"after":"orders"},{"field":"schema_validation","before":null,"after":"OFF"}]',0);
INSERT INTO "audit_records" VALUES('',4,X'5D94DF696A05C46AEAD57F4EB246D2240E3160284262A6C30E5931DA3D0252A9',X'0FD434A101856F6F62993C638C5C90B505F6BBF7D2A835DD397BE66CDDAB1FEE',1796134807918199,'token:7e577e577e577e577e57','127.0.0.1:59138','c12d1513611a80fe6417c904c9a9752d','postrider.v1.EventTypeService/ArchiveEventType','eventTypes/orders.retired','[{"field":"archive_time","before":null,"after":"2026-12-01T14:20:07.918199Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'40EC9BE50F18D57E1E79D1634B2D65774710B6937281814D17A4E0D2A5062052',1796134807924721,'token:7e577e577e577e577e57','127.0.0.1:59156','934efcf254c048435f2a1dc6a1e5e042','postrider.v1.TenantService/CreateTenant','tenants/acme','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Acme"},{"field":"labels.tier","before":null,"after":"\"gold\""}]',0);
INSERT INTO "audit_records" VALUES('acme',2,X'40EC9BE50F18D57E1E79D1634B2D65774710B6937281814D17A4E0D2A5062052',X'68C4AFC685EF194B449498283CAC9684FFD503208FEDBBAEDD1285B86A8BC573',1796134807933642,'token:7e577e577e577e577e57','127.0.0.1:59186','b3346109d2d2c633a26d036be0761435','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/orders','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"credentials.basic.password","before":null,"after":"(secret)"},{"field":"credentials.basic.username","before":null,"after":"test"},{"field":"display_name","before":null,"after":"Orders"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"orders.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"headers","before":null,"after":"[\"x-api-key\"]"},{"field":"headers.x-api-key.value","before":null,"after":"(secret)"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-1ed80cabb203250f","before":null,"after":"(secret)"},{"field":"signing_keys.key-1ed80cabb203250f.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',3,X'68C4AFC685EF194B449498283CAC9684FFD503208FEDBBAEDD1285B86A8BC573',X'047135E2181F5763ADAD442FC987342729D0EC24F4208BADA88BAE3F6C63C2E3',1796134807940846,'token:7e577e577e577e577e57','127.0.0.1:59190','151e5e20e14c25f953acfcf47898dbb1','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/flaky','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-411ebb9cdb06a6fa","before":null,"after":"(secret)"},{"field":"signing_keys.key-411ebb9cdb06a6fa.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/once"}]',0);
INSERT INTO "audit_records" VALUES('acme',4,X'047135E2181F5763ADAD442FC987342729D0EC24F4208BADA88BAE3F6C63C2E3',X'5FEC540AD8854CE486239C5713293363B21EBC9586973B24D993213BA5DACA13',1796134807945419,'token:7e577e577e577e577e57','127.0.0.1:59200','7a2ba5bba1da29cd8c6e0db9b3d0cfa8','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/down','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"down.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-d47866d15daa2a4b","before":null,"after":"(secret)"},{"field":"signing_keys.key-d47866d15daa2a4b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',5,X'5FEC540AD8854CE486239C5713293363B21EBC9586973B24D993213BA5DACA13',X'C25DC8D52C9DD071A294DC79C3E5280D6007FCEEDC8CFF3AFE07D374A1370A14',1796134807954903,'token:7e577e577e577e577e57','127.0.0.1:59202','cbb2a59ce76b7c34bdf2bb969d0e034f','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/later','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"later.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-5378b5e3c6e5cef1","before":null,"after":"(secret)"},{"field":"signing_keys.key-5378b5e3c6e5cef1.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',6,X'C25DC8D52C9DD071A294DC79C3E5280D6007FCEEDC8CFF3AFE07D374A1370A14',X'0B449F7F5A0A4E2BD5A15007B2B9F6376F1323288836F5D1E6E39E63F39DB708',1796134807966801,'token:7e577e577e577e577e57','127.0.0.1:59210','6261592043cca6f3e60eb1358bb327d8','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/late','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"late.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":{\"nanos\":0,\"secs\":1},\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6fa80c512405400a","before":null,"after":"(secret)"},{"field":"signing_keys.key-6fa80c512405400a.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',7,X'0B449F7F5A0A4E2BD5A15007B2B9F6376F1323288836F5D1E6E39E63F39DB708',X'BFC79D6E209791FD567B40B537736C630C5922359B94EEC94AA10858891F606D',1796134807982751,'token:7e577e577e577e577e57','127.0.0.1:59218','1c07605dbdc56a327f8427dccab06e7f','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/ordered','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"ordered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-e16bbd9cf37e0703","before":null,"after":"(secret)"},{"field":"signing_keys.key-e16bbd9cf37e0703.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',8,X'BFC79D6E209791FD567B40B537736C630C5922359B94EEC94AA10858891F606D',X'C89F49A49440250E272A06A9FFF8E585C0A986B82427AAE2FFFEB18722EBDD7D',1796134807988119,'token:7e577e577e577e577e57','127.0.0.1:59226','d54578abbb4e2344f611e949052e7f6b','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/kept','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"kept.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"hold"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-8ba270b110dd12e4","before":null,"after":"(secret)"},{"field":"signing_keys.key-8ba270b110dd12e4.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/error"}]',0);
INSERT INTO "audit_records" VALUES('acme',9,X'C89F49A49440250E272A06A9FFF8E585C0A986B82427AAE2FFFEB18722EBDD7D',X'692192A897A2E20E7754F50B7B7C95BBAF71D575F71BCF0FFC4C7B1F1FEC98FE',1796134807999533,'token:7e577e577e577e577e57','127.0.0.1:59236','6ddab44ad10c6d90eb5c342e57a937a3','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/asked','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"asked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-efae977198214804","before":null,"after":"(secret)"},{"field":"signing_keys.key-efae977198214804.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/wait"}]',0);
INSERT INTO "audit_records" VALUES('acme',10,X'692192A897A2E20E7754F50B7B7C95BBAF71D575F71BCF0FFC4C7B1F1FEC98FE',X'A99CF75C4F55754831C7DE2FBA00F33C478824CC9614DFF2427CA2E3D01F2E1A',1796134808010770,'token:7e577e577e577e577e57','127.0.0.1:59248','52fa1ca8e0b7334eee9e5c442d39fea1','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/paused','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"paused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-cd174fdff3dc78d9","before":null,"after":"(secret)"},{"field":"signing_keys.key-cd174fdff3dc78d9.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',11,X'A99CF75C4F55754831C7DE2FBA00F33C478824CC9614DFF2427CA2E3D01F2E1A',X'C27ED1BE820D8D798014C338CA96C8CF20B232094A513EF76805DA2217316FBA',1796134808023818,'token:7e577e577e577e577e57','127.0.0.1:59254','00f6bfd75f2d1a8d3ac3dda8d8c18a11','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/disabled','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"disabled.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-063a58ee954a50b4","before":null,"after":"(secret)"},{"field":"signing_keys.key-063a58ee954a50b4.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"disabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',12,X'C27ED1BE820D8D798014C338CA96C8CF20B232094A513EF76805DA2217316FBA',X'72555DDE43821FBAAA2478F9C600CDB602105A723666214EB8129CFAC9F82603',1796134808031307,'token:7e577e577e577e577e57','127.0.0.1:59268','56e760ff1efc0445404edca8809b6afe','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/far','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"far.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"far"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-bc3c9e4d61072359","before":null,"after":"(secret)"},{"field":"signing_keys.key-bc3c9e4d61072359.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',13,X'72555DDE43821FBAAA2478F9C600CDB602105A723666214EB8129CFAC9F82603',X'52CB55CF26322ED93ACA72C02B3B08F7C2232B24B0F20DDD1E99CB2148BEB33C',1796134808040091,'token:7e577e577e577e577e57','127.0.0.1:59282','2db541c99bb00e08df5b732d4924db98','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/blocked','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"blocked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-a4de30e2c2451a5f","before":null,"after":"(secret)"},{"field":"signing_keys.key-a4de30e2c2451a5f.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://10.0.0.1/"}]',0);
INSERT INTO "audit_records" VALUES('acme',14,X'52CB55CF26322ED93ACA72C02B3B08F7C2232B24B0F20DDD1E99CB2148BEB33C',X'838B784716A5142987A7AB14F1FF8AB5DE83D48F2970889E0061EAB0985067C0',1796134808046562,'token:7e577e577e577e577e57','127.0.0.1:59290','0f3802d4b7c2287063fd10ba337921c6','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/refused','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"refused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6e06e513fe878088","before":null,"after":"(secret)"},{"field":"signing_keys.key-6e06e513fe878088.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:44999/"}]',0);
INSERT INTO "audit_records" VALUES('acme',15,X'838B784716A5142987A7AB14F1FF8AB5DE83D48F2970889E0061EAB0985067C0',X'5F8E19E5ED41F4906E0D6C257F121943A3EB786663F8B4121046B34CD827AA4F',1796134808053290,'token:7e577e577e577e577e57','127.0.0.1:59292','9c7731dd69d4c244975a06feb8fb7338','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/slow','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"slow.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"500ms"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-d431f6260fd8ee9f","before":null,"after":"(secret)"},{"field":"signing_keys.key-d431f6260fd8ee9f.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/hang"}]',0);
INSERT INTO "audit_records" VALUES('acme',16,X'5F8E19E5ED41F4906E0D6C257F121943A3EB786663F8B4121046B34CD827AA4F',X'0D4F9E2606A6EF287B948C08D37A25E10CB27D38A2B480408B210769F416B818',1796134808060921,'token:7e577e577e577e577e57','127.0.0.1:59302','ca37e9dfd28b229d07cce2bafc46ac55','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/filtered','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"content_filter","before":null,"after":"event.payload.missing.field == 1"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"filtered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-dde10cd62f439284","before":null,"after":"(secret)"},{"field":"signing_keys.key-dde10cd62f439284.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',17,X'0D4F9E2606A6EF287B948C08D37A25E10CB27D38A2B480408B210769F416B818',X'95ED5B5E88D0326DF72DAA134C0431BD510BC05A86F10CB3F5A6814E4AD3D5FD',1796134808069139,'token:7e577e577e577e577e57','127.0.0.1:59306','72250abef141d88d41dbbd7f2c6671d6','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/lost','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"lost.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-76fc82120c9e07d8","before":null,"after":"(secret)"},{"field":"signing_keys.key-76fc82120c9e07d8.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/hang-once"}]',0);
INSERT INTO "audit_records" VALUES('acme',18,X'95ED5B5E88D0326DF72DAA134C0431BD510BC05A86F10CB3F5A6814E4AD3D5FD',X'88F593189EF4719EA2882EA2503F8B52F7A7D27604299CFF471213FCCCDEFE1F',1796134808072990,'token:7e577e577e577e577e57','127.0.0.1:59310','a69368475f697a8378f62bf045f9477d','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/hanging','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"hanging.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-594cc3c3eac5874c","before":null,"after":"(secret)"},{"field":"signing_keys.key-594cc3c3eac5874c.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/hang"}]',0);
INSERT INTO "audit_records" VALUES('acme',19,X'88F593189EF4719EA2882EA2503F8B52F7A7D27604299CFF471213FCCCDEFE1F',X'02D613AEF5E9D56E077F0CF54F6396621D86CF0E6EF814A75D5B2AEF23E1741C',1796134808077528,'token:7e577e577e577e577e57','127.0.0.1:59320','b6de12041b731738f702e2940c756a44','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/leaving','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"leaving.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-1fba2c4b1917e2e0","before":null,"after":"(secret)"},{"field":"signing_keys.key-1fba2c4b1917e2e0.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',20,X'02D613AEF5E9D56E077F0CF54F6396621D86CF0E6EF814A75D5B2AEF23E1741C',X'9E5893ADC3ED9935501BE5AB2A089FBF21E15E6D3A27C1394E3D8A57A9BB0259',1796134808094265,'token:7e577e577e577e577e57','127.0.0.1:59334','9d9ba7918924fe44fab2e38be6bdcf0c','postrider.v1.SubscriptionService/RotateSigningSecret','tenants/acme/subscriptions/orders','[{"field":"signing_keys.key-1ed80cabb203250f.expire_time","before":null,"after":"2026-12-02T14:20:08.093593Z"},{"field":"signing_keys.key-cb9ba520fc995244","before":null,"after":"(secret)"},{"field":"signing_keys.key-cb9ba520fc995244.kind","before":null,"after":"standard"}]',0);
INSERT INTO "audit_records" VALUES('acme',21,X'9E5893ADC3ED9935501BE5AB2A089FBF21E15E6D3A27C1394E3D8A57A9BB0259',X'7E4D381FD0E055139D82877C6370B7E02F9FD83F94E5957E3B3B938B760A3207',1796134808100156,'token:7e577e577e577e577e57','127.0.0.1:59348','c817171c94fb18070ba5414a17bd40bd','postrider.v1.TokenService/CreateToken','tokens/57b43aee616346668d80','[{"field":"display_name","before":null,"after":"publisher"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',22,X'7E4D381FD0E055139D82877C6370B7E02F9FD83F94E5957E3B3B938B760A3207',X'0DEA0C89E289DCAC88F5CE77CDF3475F10BAF4A5B71F6FB3EF3BFEA075C29F3E',1796134808104868,'token:7e577e577e577e577e57','127.0.0.1:59352','92cf0c13f6b0a34de5a2bf8a372ff722','postrider.v1.TokenService/CreateToken','tokens/87b408ce87433e799548','[{"field":"display_name","before":null,"after":"revoked"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',23,X'0DEA0C89E289DCAC88F5CE77CDF3475F10BAF4A5B71F6FB3EF3BFEA075C29F3E',X'121FBC28F3F53E417E16E9DAAD24ED5FF5F3AB14D44A70EA024E5E7612C10C1E',1796134808110586,'token:7e577e577e577e577e57','127.0.0.1:59358','19d2ef81f647fc00d31c2c2b7e0a6882','postrider.v1.TokenService/RevokeToken','tokens/87b408ce87433e799548','[{"field":"revoke_time","before":null,"after":"2026-12-01T14:20:08.110586Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',24,X'121FBC28F3F53E417E16E9DAAD24ED5FF5F3AB14D44A70EA024E5E7612C10C1E',X'68B731394E6844A61166FB9848673795E532ABF2A03B4E59A8806851EADACBA5',1796134808116958,'token:7e577e577e577e577e57','127.0.0.1:59360','d00ac886b0498c3127d19ef6cded0ebb','postrider.v1.PortalService/CreatePortalToken','tokens/e0dc217d64c9282d858c','[{"field":"expire_time","before":null,"after":"2026-12-01T15:20:08.116958Z"},{"field":"grants[0].role","before":null,"after":"reader"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]',0);
INSERT INTO "audit_records" VALUES('acme',25,X'68B731394E6844A61166FB9848673795E532ABF2A03B4E59A8806851EADACBA5',X'27A5323BC7A9D5705158ECE4800297A01C6C558A21778F7A4B76724A6A6414A5',1796134815448442,'token:7e577e577e577e577e57','127.0.0.1:42960','92d9c98b57d329c5fc8abdf76a574762','postrider.v1.SubscriptionService/TestSubscription','tenants/acme/subscriptions/orders','[]',0);
INSERT INTO "audit_records" VALUES('acme',26,X'27A5323BC7A9D5705158ECE4800297A01C6C558A21778F7A4B76724A6A6414A5',X'B2A31E33BADC0FE90D284F008EC7CBA1EF33685C99D4C78E8C3F1A3FC3BF278D',1796134815458953,'token:7e577e577e577e577e57','127.0.0.1:42986','b29ec6d25361788c2e292de892bf302e','postrider.v1.DeliveryService/RetryDelivery','tenants/acme/deliveries/dlv_01a231fa43d170839ad7077c60a3d761','[{"field":"next_attempt_time","before":"2026-12-01T15:20:14.685267Z","after":"2026-12-01T14:20:15.458953Z"}]',0);
INSERT INTO "audit_records" VALUES('acme',27,X'B2A31E33BADC0FE90D284F008EC7CBA1EF33685C99D4C78E8C3F1A3FC3BF278D',X'3A951A871196C97C7AB8E44B944881E097F83BB4A94DFD81FEA2442CF65E7C4D',1796134815694613,'token:7e577e577e577e577e57','127.0.0.1:43058','586577a0b4be77e6b5c5083c2c5a435d','postrider.v1.DeliveryService/CancelDelivery','tenants/acme/deliveries/dlv_01a231fa47c87b98930097905d3ab3ea','[{"field":"state","before":"IN_FLIGHT","after":"CANCELLED"}]',0);
INSERT INTO "audit_records" VALUES('acme',28,X'3A951A871196C97C7AB8E44B944881E097F83BB4A94DFD81FEA2442CF65E7C4D',X'B2A480C03EBEDF65B89878344D23E240C7693BDEF0860A6C001FA2DC5EC9F312',1796134815701844,'token:7e577e577e577e577e57','127.0.0.1:43086','ba0936d6ca6825ee57673a8c1231b3e5','postrider.v1.DeliveryService/CancelDelivery','tenants/acme/deliveries/dlv_01a231fa47c57d3f819193f6bec4e023','[{"field":"state","before":"WAITING","after":"CANCELLED"}]',0);
INSERT INTO "audit_records" VALUES('acme',29,X'B2A480C03EBEDF65B89878344D23E240C7693BDEF0860A6C001FA2DC5EC9F312',X'0110A5C35D7BFA3214F7EC719421B520D8CBC11B0FC11E55BF85C48EB323143A',1796134815710919,'token:7e577e577e577e577e57','127.0.0.1:43116','121e7730b176da96c0e1174c6f3ef36b','postrider.v1.SubscriptionService/DeleteSubscription','tenants/acme/subscriptions/leaving','[{"field":"auto_disable","before":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}","after":null},{"field":"envelope","before":"none","after":null},{"field":"event_types","before":"[\"leaving.*\"]","after":null},{"field":"exhausted_key_policy","before":"go_on","after":null},{"field":"http1_only","before":"false","after":null},{"field":"json_form","before":"as_published","after":null},{"field":"ordering","before":"unordered","after":null},{"field":"region","before":"default","after":null},{"field":"request_timeout","before":"15s","after":null},{"field":"retry_policy","before":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}","after":null},{"field":"send_trace_context","before":"false","after":null},{"field":"signature_schemes","before":"[\"standard_v1\"]","after":null},{"field":"signing_keys.key-1fba2c4b1917e2e0","before":"(secret)","after":null},{"field":"signing_keys.key-1fba2c4b1917e2e0.kind","before":"standard","after":null},{"field":"status","before":"paused","after":null},{"field":"success_rule","before":"any2xx","after":null},{"field":"url","before":"http://127.0.0.1:46489/ok","after":null}]',0);
INSERT INTO "audit_records" VALUES('acme',30,X'0110A5C35D7BFA3214F7EC719421B520D8CBC11B0FC11E55BF85C48EB323143A',X'71AD856160B3A77C8F49DFF96D1D6D2651B1761A71526E54A5A2D823DE34CE78',1796134815732889,'token:7e577e577e577e577e57','127.0.0.1:43184','201eb4fbe48f76483406d25071dc4578','postrider.v1.EventService/ResendEvent','tenants/acme/deliveries/dlv_01a231fa47f47f7687ddaac75da8541d','[{"field":"event","before":null,"after":"evt_01a231fa402971e6b86284cb5d0340d2"},{"field":"resend_of","before":null,"after":"dlv_01a231fa4029757097fbb4cbb2ac6104"},{"field":"subscription","before":null,"after":"tenants/acme/subscriptions/down"}]',0);
INSERT INTO "audit_records" VALUES('acme',31,X'71AD856160B3A77C8F49DFF96D1D6D2651B1761A71526E54A5A2D823DE34CE78',X'EA4C77114536A3F4105CDF7EBA6188687249D667F884960D5BEB4E3D9E66093A',1796134815857465,'token:7e577e577e577e577e57','127.0.0.1:43240','e9e2645f2beb2448cb733634cf54ec9e','postrider.v1.DeliveryService/ReplayDeliveries','tenants/acme/operations/op_01a231fa48717c25b0415f25a461f385','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"event_types\":[],\"kind\":\"replay\",\"per_second\":100,\"states\":[5,7],\"subscription\":\"late\",\"window\":{\"from\":1796134808129000,\"until\":1796134815856000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',32,X'EA4C77114536A3F4105CDF7EBA6188687249D667F884960D5BEB4E3D9E66093A',X'DC90D75F84D0ED4A6965DF58074CD18D30DEDA70C5EF8D10BF0FDD8A9F66F6AF',1796134816599169,'token:7e577e577e577e577e57','127.0.0.1:43334','ec4d9fd005ed749ffcd541580e7fc7f8','postrider.v1.SubscriptionService/CreateSubscription','tenants/acme/subscriptions/newcomer','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-66b1343faa7e9223","before":null,"after":"(secret)"},{"field":"signing_keys.key-66b1343faa7e9223.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('acme',33,X'DC90D75F84D0ED4A6965DF58074CD18D30DEDA70C5EF8D10BF0FDD8A9F66F6AF',X'CE021FEF9DD4F2EA0871943ABD314A23E417D1587E1256FD9D9D295420E90920',1796134816608897,'token:7e577e577e577e577e57','127.0.0.1:43338','2db72a53a13a1591ea90516a95cfb1fb','postrider.v1.SubscriptionService/BackfillSubscription','tenants/acme/operations/op_01a231fa4b607d5bbf4c82a53e5b2e37','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"kind\":\"backfill\",\"per_second\":100,\"subscription\":\"newcomer\",\"window\":{\"from\":1796134808129000,\"until\":1796134816608000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',34,X'CE021FEF9DD4F2EA0871943ABD314A23E417D1587E1256FD9D9D295420E90920',X'B6235FA10D1E0D962C4FDCEF973DC1725E4D3657AAEF893BDD5F41793115502A',1796134817800540,'token:7e577e577e577e577e57','127.0.0.1:43474','8bec30d6c9d4b8a6d975e3e3e0a03afa','postrider.v1.EventService/ExpungeEvents','tenants/acme/operations/op_01a231fa5008712699c3d5a46b78f846','[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"cancel_unfinished\":false,\"dry_run\":false,\"kind\":\"expunge\",\"selection\":{\"account\":\"account-2\"},\"window\":{\"from\":0,\"until\":1796134817800000}}"}]',0);
INSERT INTO "audit_records" VALUES('acme',35,X'B6235FA10D1E0D962C4FDCEF973DC1725E4D3657AAEF893BDD5F41793115502A',X'CDF4CDC51EF6B57F5DB934361D0F193926B4AA2730969D873CA2D735E985A57D',1796134818599996,'system','','','postrider.v1.EventService/ExpungeEvents','tenants/acme/operations/op_01a231fa5008712699c3d5a46b78f846','[{"field":"event_count","before":null,"after":"1"},{"field":"payload_bytes","before":null,"after":"19"},{"field":"unfinished_event_count","before":null,"after":"0"}]',0);
INSERT INTO "audit_records" VALUES('brief',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'8AA6528878B76AC0F7E149F8D6766DA07C4DC481779C0EA295162023E1E648CD',1796134807927396,'token:7e577e577e577e577e57','127.0.0.1:59162','f9db353b24a9b5e09a52fb6f087ed87d','postrider.v1.TenantService/CreateTenant','tenants/brief','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Brief"},{"field":"history_retention","before":null,"after":"864000s"},{"field":"payload_retention","before":null,"after":"86400s"}]',0);
INSERT INTO "audit_records" VALUES('gone',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'C58F09260C81C1E05129E089BC6B46B6ABAF6CF096C7EB6062D00B36BEA01709',1796134807930037,'token:7e577e577e577e577e57','127.0.0.1:59174','83450efb58cf9e5653778120abd53098','postrider.v1.TenantService/CreateTenant','tenants/gone','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Gone"}]',0);
INSERT INTO "audit_records" VALUES('gone',2,X'C58F09260C81C1E05129E089BC6B46B6ABAF6CF096C7EB6062D00B36BEA01709',X'4127289F0FEF12BB8601B09C2A8FD922B66C9B9E823DDEBCD93CDAE6831A801A',1796134808084318,'token:7e577e577e577e577e57','127.0.0.1:59322','3583ac1bcc2997decf0bb47dbc6cb3ef','postrider.v1.SubscriptionService/CreateSubscription','tenants/gone/subscriptions/last','[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"last.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-74e296212fbfe60b","before":null,"after":"(secret)"},{"field":"signing_keys.key-74e296212fbfe60b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:46489/ok"}]',0);
INSERT INTO "audit_records" VALUES('gone',3,X'4127289F0FEF12BB8601B09C2A8FD922B66C9B9E823DDEBCD93CDAE6831A801A',X'5387874F4C90A65D98936FCF4B53D92EF7D376B9EE31E050D553DE90ADC96123',1796134815722590,'token:7e577e577e577e577e57','127.0.0.1:43164','6779551444a2429a1f8fcd9e8165321c','postrider.v1.TenantService/DeleteTenant','tenants/gone','[{"field":"allow_insecure_urls","before":"true","after":null},{"field":"display_name","before":"Gone","after":null},{"field":"subscriptions[0]","before":"last","after":null}]',0);
INSERT INTO "audit_records" VALUES('operators',1,X'0000000000000000000000000000000000000000000000000000000000000000',X'B4573502D991D55EB3B73FD72AEE77CAADA21E232FAD6B5F26872040D5F6A3D0',1796134807922019,'token:7e577e577e577e577e57','127.0.0.1:59146','df4c9801cb0480a92b6dabefcd991d5b','postrider.v1.TenantService/CreateTenant','tenants/operators','[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Operators"}]',0);
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
INSERT INTO "console_sessions" VALUES(X'3308B980C72C57322DC974FC04C5A34BF6CEC8C4EF0EF3C247255C3EEB28B4E9',2,'portal-token:e0dc217d64c9282d858c','acme','{"principal":{"portal_token":"e0dc217d64c9282d858c"},"grants":[{"role":"reader","scope":{"tenants":["acme"]}}],"expire_time":1796138408116958}',1796134808118429,1796134808118429,1796134868118429);
CREATE TABLE data_keys (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    -- The id of the key-encryption key.
    wrapped_by  TEXT    NOT NULL,
    wrapped     BLOB    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "data_keys" VALUES('',X'00000000000000000000000000000001','released-test',X'01471A74B994BFF2EB358E82581F175E7A34DD259E37C2D89153DD310E9BD4F793C8095C0F739233DD71AC41B9DCF3D3E388D49AC23FFDE9B80E2AA720',1796134807532348);
INSERT INTO "data_keys" VALUES('',X'00000000000000000000000000000002','released-test',X'0162456733034F0052C88674933EBB70F64A6AC10607138FADFAE0E31FC98C84CC073C02DBECEB808BB2E89450D5734A936CFD17625EFB82E236C4506E',1796134807535648);
INSERT INTO "data_keys" VALUES('acme',X'7F2540FDA2AD4823AD2090E31B916181','released-test',X'01595C550E7335423A635762E0737FD438F8544D5BF96583D77D40F344053C4012FFEFA1333E6F862238D3A908F8DE246F92AC4D54DEC7845A480186F2',1796134807933642);
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
INSERT INTO "deliveries" VALUES(X'01A231FA42037AA586CA68CB108AA875','acme','paused',X'01A231FA4203746C8E34E5972384E5AB','paused.happened','account-1',4,0,2,NULL,0,0,1,1796134814211373,1796437723510770,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA42187E0EADDB5A6A8B6CBE49','acme','far',X'01A231FA421876FFB75D7189A6F4169B','far.happened','account-1',4,0,2,NULL,0,0,1,1796134814232123,1796437724065560,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA42C57AB3800385F035C9506C','acme','ordered',X'01A231FA42C575DA916B6C953F8665CD','ordered.happened','account-1',4,1,2,NULL,1,1,2,1796138414524517,1796142014405375,NULL,'key-1',1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA42C97669A80AB86575D3C5C4','acme','ordered',X'01A231FA42C9779788B35C6B707DF266','ordered.happened','account-1',4,0,1,NULL,0,0,1,1796134814409617,1796142014409617,NULL,'key-1',2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA43447FAF81A716338577C2C7','acme','kept',X'01A231FA43447637BCCAD59EDD7422BA','kept.happened','account-1',4,0,1,NULL,0,0,1,1796134814532226,1796138414532226,NULL,'key-1',2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA444C7F70A8ABB5AD782F9009','acme','asked',X'01A231FA444C7D409FA732E778D2E15B','asked.happened','account-1',4,1,2,NULL,1,1,2,1796138414803827,1796142014796728,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA44BC75B190B0038564CB9924','acme','slow',X'01A231FA44BC7F8A97E443B6443E2078','slow.happened','account-1',4,1,2,NULL,1,1,2,1796138415414172,1796142014908996,NULL,NULL,1,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA4752757DBDD36D0B4D52C707','acme','later',X'01A231FA47527A26BDCDB5C265C6277C','later.happened','account-1',4,1,2,NULL,1,1,2,1796138415583466,1796142015570919,NULL,NULL,2,0,NULL,0);
INSERT INTO "deliveries" VALUES(X'01A231FA53477637B076D43677746A2B','acme','hanging',X'01A231FA53477867BDAFFB8E8522403E','hanging.happened','account-1',4,1,3,NULL,1,0,1,1796134818631569,1796437734131569,NULL,NULL,2,0,NULL,0);
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
INSERT INTO "ended_deliveries" VALUES(2,X'01A231FA2A4177E8A40ED6072D925D7B','acme','lost',X'01A231FA2A41757C998A13A16E8AB06A','lost.happened','account-1',4,NULL,2,0,2,1796134813562661,1796437723629964,1796134813574760,NULL,1,0,NULL,0,1,200,1796134813572657,NULL,563,NULL,860,1664,1,0,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746830',X'');
INSERT INTO "ended_deliveries" VALUES(3,X'01A231FA3FA376CABF3B1A049DFC87FA','acme','orders',X'01A231FA3FA3737790C159A258D8488C','orders.happened','account-1',4,NULL,1,0,1,1796134813603477,1796437729103477,1796134813613417,NULL,1,0,NULL,0,1,200,1796134813607784,NULL,4088,NULL,721,5182,2,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(5,X'01A231FA3FA771BBAB8F9135C0A9AED5','acme','orders',X'01A231FA3FA7765C8BA5AD68BB214672','orders.scanned','account-1',4,NULL,1,0,1,1796134813607670,1796437729107670,1796134813664005,NULL,2,0,NULL,0,1,200,1796134813620947,NULL,NULL,NULL,883,42615,2,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(6,X'01A231FA3FB5732CB2266ED9E185C7E6','acme','flaky',X'01A231FA3FB57D18845CE195ECF8BC53','flaky.happened','account-1',4,NULL,2,1,2,1796134813632835,1796138413621424,1796134813679934,NULL,1,0,NULL,0,1,200,1796134813636841,NULL,NULL,NULL,606,42541,1,7,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746837',X'6174206C617374');
INSERT INTO "ended_deliveries" VALUES(8,X'01A231FA4029757097FBB4CBB2AC6104','acme','down',X'01A231FA402971E6B86284CB5D0340D2','down.happened','account-1',5,1,2,1,2,1796134813745819,1796138413737436,1796134813792006,NULL,1,0,NULL,0,2,500,1796134813749878,NULL,NULL,NULL,529,41592,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(9,X'01A231FA409D7D178131B858734DC64E','acme','late',X'01A231FA409D7914A6E94A9553DBBAE2','late.happened','account-1',5,2,1,0,1,1796134813853538,1796134814853538,1796134813858242,NULL,1,0,NULL,0,2,500,1796134813856965,NULL,NULL,NULL,732,952,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313320474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(11,X'01A231FA410B7D7BA7F67806D969D1D6','acme','blocked',X'01A231FA410B7A8682FF00B7A9950796','blocked.happened','account-1',5,1,2,1,2,1796134813967823,1796138413963079,1796134813972326,NULL,1,0,NULL,0,9,NULL,1796134813972021,NULL,NULL,NULL,NULL,63,1,0,0,'agent-2','default','','','the address is not allowed',X'',X'');
INSERT INTO "ended_deliveries" VALUES(13,X'01A231FA417B74F8A34B9662980F87D6','acme','refused',X'01A231FA417B7BC796027CCC5A0FA271','refused.happened','account-1',5,1,2,1,2,1796134814084390,1796138414075199,1796134814099546,NULL,1,0,NULL,0,5,NULL,1796134814098623,NULL,NULL,NULL,NULL,271,1,0,0,'agent-2','default','127.0.0.1:44999','','connecting to 127.0.0.1:44999 failed: Connection refused (os error 111)',X'',X'');
INSERT INTO "ended_deliveries" VALUES(14,X'01A231FA41F57005B334DCAE535B12EB','acme','disabled',X'01A231FA41F5737B9FFC5570E4FCDE44','disabled.happened','account-1',7,5,0,0,1,1796134814197534,1796437729697534,1796134814197534,NULL,NULL,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(15,X'01A231FA42447365BDC435B13CE93177','acme','filtered',X'01A231FA4244749399E111C07862CD0C','filtered.happened','account-1',4,NULL,1,0,1,1796134814276557,1796437729776557,1796134814292140,NULL,1,0,NULL,1,1,200,1796134814289197,NULL,NULL,NULL,2369,2557,1,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(18,X'01A231FA433D753786E42D53A8B1FF7A','acme','kept',X'01A231FA433D72F1AA5F056CF6AEF97F','kept.happened','account-1',5,1,2,1,2,1796134814583728,1796138414525798,1796134814636197,'key-1',1,0,NULL,0,2,500,1796134814592308,NULL,NULL,NULL,1199,43146,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313420474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(22,X'01A231FA46D970CAA21AD0F11499ECDD','acme','orders',X'01A231FA46D9785DA82A0571D930A6BB','orders.happened',NULL,4,NULL,1,0,4,1796134815449323,0,1796134815452288,NULL,NULL,1,NULL,0,1,200,1796134815450946,NULL,NULL,NULL,807,1022,2,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313520474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(23,X'01A231FA43D170839AD7077C60A3D761','acme','later',X'01A231FA43D177029BBCABAB0E58A88C','later.happened','account-1',5,1,2,1,3,1796134815458953,1796142014673484,1796134815467848,NULL,1,0,NULL,0,2,500,1796134815466001,NULL,206,NULL,1036,1449,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313520474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(24,X'01A231FA47C87B98930097905D3AB3EA','acme','hanging',X'01A231FA47C87ED9B3A07152FAB8476B','hanging.happened','account-1',6,3,1,0,1,1796134815688412,1796437731188412,1796134815694613,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(25,X'01A231FA47C57D3F819193F6BEC4E023','acme','paused',X'01A231FA47C571B789C7ABE2273B1EFB','paused.happened','account-1',6,3,0,0,1,1796134815685782,1796437723510770,1796134815701844,NULL,2,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(26,X'01A231FA47D878F89872FA7E92A0B551','acme','leaving',X'01A231FA47D87AF8BB0D06D2CA0DCD4F','leaving.happened','account-1',6,4,0,0,1,1796134815704926,1796437723577528,1796134815712852,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(27,X'01A231FA47E67A7F96E8FA9FDD7E15EB','gone','last',X'01A231FA47E67412B48E1524B41BA5A0','last.happened','account-1',6,6,0,0,1,1796134815718133,1796437723584318,1796134815724492,NULL,1,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ended_deliveries" VALUES(29,X'01A231FA47F47F7687DDAAC75DA8541D','acme','down',X'01A231FA402971E6B86284CB5D0340D2','down.happened','account-1',5,1,2,1,2,1796134815741769,1796138415732889,1796134815787851,NULL,1,0,X'01A231FA4029757097FBB4CBB2AC6104',0,2,500,1796134815744828,NULL,NULL,NULL,345,42543,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313520474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(30,X'01A231FA4B3A71979CBBD6CE9A0C370B','acme','late',X'01A231FA409D7914A6E94A9553DBBAE2','late.happened','account-1',5,2,1,0,5,1796134816570789,1796134817570789,1796134816579471,NULL,1,0,X'01A231FA409D7D178131B858734DC64E',0,2,500,1796134816577719,NULL,NULL,NULL,1241,1400,1,9,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','the status 500 does not count as success: those from 200 to 299 do',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313620474D540000000E00000001636F6E74656E742D6C656E67746839',X'6E6F74206E6F7720FF');
INSERT INTO "ended_deliveries" VALUES(31,X'01A231FA4F27714CB257BE086D0648FA','acme','newcomer',X'01A231FA3FB57D18845CE195ECF8BC53','flaky.happened','account-1',4,NULL,1,0,5,1796134817575214,1796437733075214,1796134817583650,NULL,1,0,NULL,0,1,200,1796134817579951,NULL,NULL,NULL,3088,3345,1,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'000000060000001A73657276657242617365485454502F302E3620507974686F6E2F332E31312E37000000040000001D646174655475652C2030312044656320323032362031343A32303A313720474D540000000900000002782D7265636569707434320000000E00000002636F6E74656E742D6C656E6774683137',X'7B227265636569766564223A747275657D');
INSERT INTO "ended_deliveries" VALUES(32,X'01A231FA4F8F797C901DC8004C6E26A3','acme','orders',X'01A231FA4F8F78068771A6CED8F203A4','orders.happened','account-2',4,NULL,1,0,1,1796134817679875,1796437733179875,1796134817691895,NULL,3,0,NULL,0,1,200,1796134817688125,NULL,NULL,NULL,3053,3273,2,17,0,'agent-2','default','127.0.0.1:46489','HTTP/1.1','',X'',X'');
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
INSERT INTO "event_types" VALUES('orders.happened','Something was ordered.','orders',3,NULL,2,1796134807865958,1796134807865958,'orders.happened
something was ordered.','{"type":"object"}','{"amount":"1"}');
INSERT INTO "event_types" VALUES('orders.retired','','orders',1,1796134807918199,4,1796134807895350,1796134807918199,'orders.retired
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
INSERT INTO "events" VALUES(1,'acme',X'01A231FA2A41757C998A13A16E8AB06A','lost.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','lost-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(2,'acme',X'01A231FA2E0D7C6E8F8926CCF95797BE','postrider.secret.rotated',NULL,NULL,'tenants/acme/subscriptions/orders',NULL,X'02493C2D5019FD785F6B2B26900CB5B144704C1FCD88F11C279C8D3B89BE9FC8','','','postrider/acme/postrider.secret.rotated/orders/key-cb9ba520fc995244',0,0,NULL,X'7B22686F7374223A223132372E302E302E31222C226B65795F6964223A226B65792D63623962613532306663393935323434222C226B65795F6B696E64223A225354414E44415244222C226F6C645F6B65795F6578706972655F74696D65223A22323032362D31322D30325431343A32303A30382E3039333539335A222C226F6C645F6B65795F6964223A226B65792D31656438306361626232303332353066222C22726F746174655F74696D65223A22323032362D31322D30315431343A32303A30382E3039333539335A222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6F7264657273227D');
INSERT INTO "events" VALUES(3,'operators',X'01A231FA2E0F767F95207E43A911030F','postrider.secret.rotated','acme',NULL,'tenants/acme/subscriptions/orders',NULL,X'02493C2D5019FD785F6B2B26900CB5B144704C1FCD88F11C279C8D3B89BE9FC8','','','postrider/acme/postrider.secret.rotated/orders/key-cb9ba520fc995244',0,0,NULL,X'7B22686F7374223A223132372E302E302E31222C226B65795F6964223A226B65792D63623962613532306663393935323434222C226B65795F6B696E64223A225354414E44415244222C226F6C645F6B65795F6578706972655F74696D65223A22323032362D31322D30325431343A32303A30382E3039333539335A222C226F6C645F6B65795F6964223A226B65792D31656438306361626232303332353066222C22726F746174655F74696D65223A22323032362D31322D30315431343A32303A30382E3039333539335A222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6F7264657273227D');
INSERT INTO "events" VALUES(4,'acme',X'01A231FA3FA3737790C159A258D8488C','orders.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01','a=b','orders-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(5,'acme',X'01A231FA3FA7765C8BA5AD68BB214672','orders.scanned','account-1','{"currency":"EUR"}','account-1','application/octet-stream',X'06EB7D6A69EE19E5FBDF749018D3D2ABFA04BCBD1365DB312EB86DC7169389B8','','','orders-2',1,0,NULL,X'00FF');
INSERT INTO "events" VALUES(6,'acme',X'01A231FA3FB57D18845CE195ECF8BC53','flaky.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','flaky-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(7,'acme',X'01A231FA402971E6B86284CB5D0340D2','down.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','down-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(8,'acme',X'01A231FA4062777D8DDAA5146542BA8A','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/down',NULL,X'2BDD9958C1B1CB8518D18A84AF68240863E692C3DBB33FB2C1A8FFBBF734EF56','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa4029757097fbb4cbb2ac6104',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343032393735373039376662623463626232616336313034222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343032393731653662383632383463623564303334306432222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(9,'operators',X'01A231FA40637FC885A3A738D84EC945','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/down',NULL,X'2BDD9958C1B1CB8518D18A84AF68240863E692C3DBB33FB2C1A8FFBBF734EF56','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa4029757097fbb4cbb2ac6104',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343032393735373039376662623463626232616336313034222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343032393731653662383632383463623564303334306432222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(10,'acme',X'01A231FA409D7914A6E94A9553DBBAE2','late.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','late-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(11,'acme',X'01A231FA40A6739E9AF6AEE5EC90D4E7','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/late',NULL,X'711B2657028200583FE2A13FF56089985E961818AD336D341D020DD321748416','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa409d7d178131b858734dc64e',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343039643764313738313331623835383733346463363465222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343039643739313461366539346139353533646262616532222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(12,'operators',X'01A231FA40A773F78C5560FA1D9ED3D9','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/late',NULL,X'711B2657028200583FE2A13FF56089985E961818AD336D341D020DD321748416','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa409d7d178131b858734dc64e',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343039643764313738313331623835383733346463363465222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343039643739313461366539346139353533646262616532222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(13,'acme',X'01A231FA410B7A8682FF00B7A9950796','blocked.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','blocked-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(14,'acme',X'01A231FA411673B793658C44A608C0E3','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/blocked',NULL,X'69BDDEFD410F5C4AFEAC57F9E0941D4886E60A831AC1D001ACCFEFF38DACBE49','','','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa410b7d7ba7f67806d969d1d6',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343130623764376261376636373830366439363964316436222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343130623761383638326666303062376139393530373936222C226576656E745F74797065223A22626C6F636B65642E68617070656E6564222C22686F7374223A2231302E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F626C6F636B6564227D');
INSERT INTO "events" VALUES(15,'operators',X'01A231FA41177DDD865F2D5D0BD20822','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/blocked',NULL,X'69BDDEFD410F5C4AFEAC57F9E0941D4886E60A831AC1D001ACCFEFF38DACBE49','','','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa410b7d7ba7f67806d969d1d6',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343130623764376261376636373830366439363964316436222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343130623761383638326666303062376139393530373936222C226576656E745F74797065223A22626C6F636B65642E68617070656E6564222C22686F7374223A2231302E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F626C6F636B6564227D');
INSERT INTO "events" VALUES(16,'acme',X'01A231FA417B7BC796027CCC5A0FA271','refused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','refused-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(17,'acme',X'01A231FA419F7085A19100096C5E836D','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/refused',NULL,X'BB1733EF1E779D3EC4D4F1E7B02D39FA6A3F97F51A0DBDCA3CE8772485D12D74','','','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa417b74f8a34b9662980f87d6',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343137623734663861333462393636323938306638376436222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343137623762633739363032376363633561306661323731222C226576656E745F74797065223A22726566757365642E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F72656675736564227D');
INSERT INTO "events" VALUES(18,'operators',X'01A231FA41A87E9081996F5FABFFD7C8','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/refused',NULL,X'BB1733EF1E779D3EC4D4F1E7B02D39FA6A3F97F51A0DBDCA3CE8772485D12D74','','','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa417b74f8a34b9662980f87d6',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343137623734663861333462393636323938306638376436222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343137623762633739363032376363633561306661323731222C226576656E745F74797065223A22726566757365642E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F72656675736564227D');
INSERT INTO "events" VALUES(19,'acme',X'01A231FA41F5737B9FFC5570E4FCDE44','disabled.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','disabled-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(20,'acme',X'01A231FA4203746C8E34E5972384E5AB','paused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','paused-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(21,'acme',X'01A231FA421876FFB75D7189A6F4169B','far.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','far-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(22,'acme',X'01A231FA4244749399E111C07862CD0C','filtered.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','filtered-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(23,'acme',X'01A231FA42C575DA916B6C953F8665CD','ordered.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','ordered-0',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(24,'acme',X'01A231FA42C9779788B35C6B707DF266','ordered.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','ordered-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(25,'acme',X'01A231FA433D72F1AA5F056CF6AEF97F','kept.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','kept-0',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(26,'acme',X'01A231FA43447637BCCAD59EDD7422BA','kept.happened','account-1','{"currency":"EUR"}','key-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','kept-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(27,'acme',X'01A231FA43B472B199CE35E381766B92','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/kept',NULL,X'7C9BD36B3860DB832688F16C161C80613E59F354A8C35DC8E1E965696D243E56','','','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa433d753786e42d53a8b1ff7a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343333643735333738366534326435336138623166663761222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343333643732663161613566303536636636616566393766222C226576656E745F74797065223A226B6570742E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6B657074227D');
INSERT INTO "events" VALUES(28,'operators',X'01A231FA43B577D18A775B8C2D49DDB0','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/kept',NULL,X'7C9BD36B3860DB832688F16C161C80613E59F354A8C35DC8E1E965696D243E56','','','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa433d753786e42d53a8b1ff7a',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343333643735333738366534326435336138623166663761222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343333643732663161613566303536636636616566393766222C226576656E745F74797065223A226B6570742E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6B657074227D');
INSERT INTO "events" VALUES(29,'acme',X'01A231FA43D177029BBCABAB0E58A88C','later.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','later-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(30,'acme',X'01A231FA444C7D409FA732E778D2E15B','asked.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','asked-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(31,'acme',X'01A231FA44BC7F8A97E443B6443E2078','slow.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','slow-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(32,'acme',X'01A231FA46D9785DA82A0571D930A6BB','orders.happened',NULL,NULL,NULL,NULL,X'CDB8DE78F10F4776DE95629E660FF8A5ABA9AB22166D96CE73E50D0E3ACFC6DC','','',NULL,1,1,NULL,X'7B22616D6F756E74223A2231227D');
INSERT INTO "events" VALUES(33,'acme',X'01A231FA46ED7FC3AF85DFB9C7EC283F','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/later',NULL,X'F94CAF90D18043FF384BB76060DABC030822B005C1E65C6DAE62B5B063EDE1BD','','','postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa43d170839ad7077c60a3d761',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343364313730383339616437303737633630613364373631222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343364313737303239626263616261623065353861383863222C226576656E745F74797065223A226C617465722E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C61746572227D');
INSERT INTO "events" VALUES(34,'operators',X'01A231FA46EE759DA6FCC275CCBCBEE9','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/later',NULL,X'F94CAF90D18043FF384BB76060DABC030822B005C1E65C6DAE62B5B063EDE1BD','','','postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa43d170839ad7077c60a3d761',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343364313730383339616437303737633630613364373631222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343364313737303239626263616261623065353861383863222C226576656E745F74797065223A226C617465722E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C61746572227D');
INSERT INTO "events" VALUES(35,'acme',X'01A231FA47527A26BDCDB5C265C6277C','later.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','later-2',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(36,'acme',X'01A231FA47C571B789C7ABE2273B1EFB','paused.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','paused-cancelled',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(37,'acme',X'01A231FA47C87ED9B3A07152FAB8476B','hanging.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','hanging-cancelled',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(38,'acme',X'01A231FA47D87AF8BB0D06D2CA0DCD4F','leaving.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','leaving-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(39,'gone',X'01A231FA47E67412B48E1524B41BA5A0','last.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','last-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
INSERT INTO "events" VALUES(40,'acme',X'01A231FA482E78EB8865F24B707736A1','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/down',NULL,X'D0798B022BF00D4D55B14846CA165688112CECA0CFC1784F448D7AD083F5CC37','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa47f47f7687ddaac75da8541d',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343766343766373638376464616163373564613835343164222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343032393731653662383632383463623564303334306432222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(41,'operators',X'01A231FA482F7928ADC4E49A1103CD08','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/down',NULL,X'D0798B022BF00D4D55B14846CA165688112CECA0CFC1784F448D7AD083F5CC37','','','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa47f47f7687ddaac75da8541d',0,0,NULL,X'7B22617474656D70745F636F756E74223A322C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661343766343766373638376464616163373564613835343164222C22656E645F726561736F6E223A22415454454D5054535F455848415553544544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343032393731653662383632383463623564303334306432222C226576656E745F74797065223A22646F776E2E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F646F776E227D');
INSERT INTO "events" VALUES(42,'acme',X'01A231FA4B457FC0A2EFBD9D5D6A5A79','postrider.delivery.exhausted',NULL,NULL,'tenants/acme/subscriptions/late',NULL,X'510DF44FB8A49F3351D28FEC6C0B95A051124DBF9B18E0AD3436A19AEE0206B9','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa4b3a71979cbbd6ce9a0c370b',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661346233613731393739636262643663653961306333373062222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343039643739313461366539346139353533646262616532222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(43,'operators',X'01A231FA4B46730FA9315552FD6F3046','postrider.delivery.exhausted','acme',NULL,'tenants/acme/subscriptions/late',NULL,X'510DF44FB8A49F3351D28FEC6C0B95A051124DBF9B18E0AD3436A19AEE0206B9','','','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa4b3a71979cbbd6ce9a0c370b',0,0,NULL,X'7B22617474656D70745F636F756E74223A312C2264656C6976657279223A2274656E616E74732F61636D652F64656C697665726965732F646C765F3031613233316661346233613731393739636262643663653961306333373062222C22656E645F726561736F6E223A2245585049524544222C226576656E74223A2274656E616E74732F61636D652F6576656E74732F6576745F3031613233316661343039643739313461366539346139353533646262616532222C226576656E745F74797065223A226C6174652E68617070656E6564222C22686F7374223A223132372E302E302E31222C22737562736372697074696F6E223A2274656E616E74732F61636D652F737562736372697074696F6E732F6C617465227D');
INSERT INTO "events" VALUES(44,'acme',X'01A231FA4F8F78068771A6CED8F203A4','orders.happened','account-2','{"currency":"EUR"}','account-2',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','orders-3',1,0,'{"reason":"expunged","time":1796134818590030,"bytes":19}',X'');
INSERT INTO "events" VALUES(45,'acme',X'01A231FA53477867BDAFFB8E8522403E','hanging.happened','account-1','{"currency":"EUR"}','account-1',NULL,X'1F7CE481226DBBD481B055C4029FA33401276778D2E165038FABDEA442473B4D','','','hanging-1',1,0,NULL,X'7B22616D6F756E74223A202231322E3330227D');
CREATE TABLE failing_endpoints (
    tenant        TEXT    NOT NULL,
    subscription  TEXT    NOT NULL,
    shard         INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    stage         INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
INSERT INTO "failing_endpoints" VALUES('acme','asked',4,1796134814803846,0);
INSERT INTO "failing_endpoints" VALUES('acme','blocked',4,1796134813967836,0);
INSERT INTO "failing_endpoints" VALUES('acme','down',4,1796134813745834,0);
INSERT INTO "failing_endpoints" VALUES('acme','kept',4,1796134814583755,0);
INSERT INTO "failing_endpoints" VALUES('acme','late',4,1796134813858192,0);
INSERT INTO "failing_endpoints" VALUES('acme','later',4,1796134814685292,0);
INSERT INTO "failing_endpoints" VALUES('acme','ordered',4,1796134814524543,0);
INSERT INTO "failing_endpoints" VALUES('acme','refused',4,1796134814084418,0);
INSERT INTO "failing_endpoints" VALUES('acme','slow',4,1796134815414199,0);
CREATE TABLE held_keys (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    ordering_key TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    held         INTEGER NOT NULL,
    quiet_until  INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription, ordering_key)
) STRICT, WITHOUT ROWID;
INSERT INTO "held_keys" VALUES('acme','kept','key-1',X'01A231FA433D72F1AA5F056CF6AEF97F',1,0);
CREATE TABLE hold_clocks (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    total        INTEGER NOT NULL,
    held_since   INTEGER NOT NULL,
    held_until   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
INSERT INTO "hold_clocks" VALUES('acme','asked',0,1796134814806685,1796138414806685,1);
CREATE TABLE idempotency_keys (
    seq          INTEGER PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    matched      INTEGER NOT NULL,
    request_hash BLOB    NOT NULL,
    expire_time  INTEGER NOT NULL
) STRICT;
INSERT INTO "idempotency_keys" VALUES(1,'acme','lost-1',X'01A231FA2A41757C998A13A16E8AB06A',1,X'08550528D4EF2CFDFDE9FBFD99BCD3479FDF4D74C158392EF5EF7771A0EE51CF',1796739608129964);
INSERT INTO "idempotency_keys" VALUES(2,'acme','postrider/acme/postrider.secret.rotated/orders/key-cb9ba520fc995244',X'01A231FA2E0D7C6E8F8926CCF95797BE',0,X'CD95C0FDA12439F1D3E6A806E5E986591A995BD16373B50214FC69AC3EE5EA9F',1796739609101904);
INSERT INTO "idempotency_keys" VALUES(3,'operators','postrider/acme/postrider.secret.rotated/orders/key-cb9ba520fc995244',X'01A231FA2E0F767F95207E43A911030F',0,X'B308399A3DDA57B888908CB26A15C8471AF6C12A9A8109452B22D3F13CD3B94E',1796739609103987);
INSERT INTO "idempotency_keys" VALUES(4,'acme','orders-1',X'01A231FA3FA3737790C159A258D8488C',1,X'1241535272DD56B6A7E75F3A8FF7A34A95BD992441FEBAEBEF951D68E13EAB31',1796739613603477);
INSERT INTO "idempotency_keys" VALUES(5,'acme','orders-2',X'01A231FA3FA7765C8BA5AD68BB214672',1,X'ABF0AC12F64E4BB96CBACE3A6EF6F0B99332C9CE42B91F18133C6947FA4F0783',1796739613607670);
INSERT INTO "idempotency_keys" VALUES(6,'acme','flaky-1',X'01A231FA3FB57D18845CE195ECF8BC53',1,X'B35E9BA1E29509ED1287E25D1252C79053DD7280BB60BF35197A006FB94768F4',1796739613621424);
INSERT INTO "idempotency_keys" VALUES(7,'acme','down-1',X'01A231FA402971E6B86284CB5D0340D2',1,X'56032D18EFE91BBAA05782DE35638B774E62364CD0A5A7059CC392E5ED25914C',1796739613737436);
INSERT INTO "idempotency_keys" VALUES(8,'acme','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa4029757097fbb4cbb2ac6104',X'01A231FA4062777D8DDAA5146542BA8A',0,X'1F8CA5EEC3A9D130DF1762960C2142A0406CFC871ABCD7FB877277DB9E8C1A5F',1796739613794400);
INSERT INTO "idempotency_keys" VALUES(9,'operators','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa4029757097fbb4cbb2ac6104',X'01A231FA40637FC885A3A738D84EC945',0,X'7CA8B5801D0D4EC8D43F55347271EB11BCC7C98A1D05274507DE61EA2A557F68',1796739613795244);
INSERT INTO "idempotency_keys" VALUES(10,'acme','late-1',X'01A231FA409D7914A6E94A9553DBBAE2',1,X'D654A22809C131A0765438D84CB3C986A5B9ABE139B3100D8DC2927B78CB4B0B',1796739613853538);
INSERT INTO "idempotency_keys" VALUES(11,'acme','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa409d7d178131b858734dc64e',X'01A231FA40A6739E9AF6AEE5EC90D4E7',0,X'F7615B8D9CFD49D078E5719C79F34DA6CEE4E4DBEB0339A41E7A88917B897961',1796739613862793);
INSERT INTO "idempotency_keys" VALUES(12,'operators','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa409d7d178131b858734dc64e',X'01A231FA40A773F78C5560FA1D9ED3D9',0,X'C8C8BF0BF48EEF289F9F234A8FFBF3694C48B4EB0476F44EE13F085053C6D95C',1796739613863753);
INSERT INTO "idempotency_keys" VALUES(13,'acme','blocked-1',X'01A231FA410B7A8682FF00B7A9950796',1,X'CA2BA4146E1393F893D1BF5CFB4F18F500CF02EE0835545F7353BA3B1DACC7DC',1796739613963079);
INSERT INTO "idempotency_keys" VALUES(14,'acme','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa410b7d7ba7f67806d969d1d6',X'01A231FA411673B793658C44A608C0E3',0,X'62FE8586ECEE05E12DBA2FF24573D751A3D5212C5AA1DE3576F2AF7C9A24F01C',1796739613974108);
INSERT INTO "idempotency_keys" VALUES(15,'operators','postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa410b7d7ba7f67806d969d1d6',X'01A231FA41177DDD865F2D5D0BD20822',0,X'E960DAAB2A50D2F17155C405FBB5D84458E5E7BC0633CEEBF84A8FB43C436CDC',1796739613975638);
INSERT INTO "idempotency_keys" VALUES(16,'acme','refused-1',X'01A231FA417B7BC796027CCC5A0FA271',1,X'DDE5FFF452D7FFB5DDFBF31186A358648A19195F629739098745DA4FEFD6B179',1796739614075199);
INSERT INTO "idempotency_keys" VALUES(17,'acme','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa417b74f8a34b9662980f87d6',X'01A231FA419F7085A19100096C5E836D',0,X'05D48AC46DC716D46AE762909FE3DB6D728D6AF4CD8123D1B65B165969F6DE17',1796739614111681);
INSERT INTO "idempotency_keys" VALUES(18,'operators','postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa417b74f8a34b9662980f87d6',X'01A231FA41A87E9081996F5FABFFD7C8',0,X'783CB0C261B47ABA50228335B404E79F810EF3B956E274EC55C0E0D87852C4C7',1796739614120155);
INSERT INTO "idempotency_keys" VALUES(19,'acme','disabled-1',X'01A231FA41F5737B9FFC5570E4FCDE44',1,X'A82C38CE6D313CFB8B31811DAA8DCAD8EFF8716C75994143188142165F1C8984',1796739614197534);
INSERT INTO "idempotency_keys" VALUES(20,'acme','paused-1',X'01A231FA4203746C8E34E5972384E5AB',1,X'40C3F9DFBFBD0EDD06095AD84F6AC3B7B61953301C896111C1350543B57D5736',1796739614211373);
INSERT INTO "idempotency_keys" VALUES(21,'acme','far-1',X'01A231FA421876FFB75D7189A6F4169B',1,X'DC3253FE3716341AEF671B488FBC1D50754F8705F868A411BA4A8CD21FA25A47',1796739614232123);
INSERT INTO "idempotency_keys" VALUES(22,'acme','filtered-1',X'01A231FA4244749399E111C07862CD0C',1,X'52DADD696E4ADDC8866624EA64E6712F1F30049171FD6BBFD5AE05CC987470E5',1796739614276557);
INSERT INTO "idempotency_keys" VALUES(23,'acme','ordered-0',X'01A231FA42C575DA916B6C953F8665CD',1,X'A596456E88E97332A1439544FC5888566D30573102785938A3505B05BCE252A7',1796739614405375);
INSERT INTO "idempotency_keys" VALUES(24,'acme','ordered-1',X'01A231FA42C9779788B35C6B707DF266',1,X'A596456E88E97332A1439544FC5888566D30573102785938A3505B05BCE252A7',1796739614409617);
INSERT INTO "idempotency_keys" VALUES(25,'acme','kept-0',X'01A231FA433D72F1AA5F056CF6AEF97F',1,X'D4C2FAF35F5E498E706213C2AEBC87521A420C55D3A3812D99155BFB0F7D002E',1796739614525798);
INSERT INTO "idempotency_keys" VALUES(26,'acme','kept-1',X'01A231FA43447637BCCAD59EDD7422BA',1,X'D4C2FAF35F5E498E706213C2AEBC87521A420C55D3A3812D99155BFB0F7D002E',1796739614532226);
INSERT INTO "idempotency_keys" VALUES(27,'acme','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa433d753786e42d53a8b1ff7a',X'01A231FA43B472B199CE35E381766B92',0,X'73472F260801987A69E930A1FFA5619950B634F125374DC2C1A24975AA867D27',1796739614644107);
INSERT INTO "idempotency_keys" VALUES(28,'operators','postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa433d753786e42d53a8b1ff7a',X'01A231FA43B577D18A775B8C2D49DDB0',0,X'6CD747B49E6F6C6AE6E88B9BC30410809C854CF86B0EE231CF45EA75B366062C',1796739614645163);
INSERT INTO "idempotency_keys" VALUES(29,'acme','later-1',X'01A231FA43D177029BBCABAB0E58A88C',1,X'C854AB6E9CEFD0F50EAF8A904152B47F14D9763AEC421E89BDA107ADFD19B6E0',1796739614673484);
INSERT INTO "idempotency_keys" VALUES(30,'acme','asked-1',X'01A231FA444C7D409FA732E778D2E15B',1,X'0A2E8E082120A7A71E1FD8AFA444750F08014EDD2A67680057A7866BAD2E6E99',1796739614796728);
INSERT INTO "idempotency_keys" VALUES(31,'acme','slow-1',X'01A231FA44BC7F8A97E443B6443E2078',1,X'6D7914E1B2F4E6B8986135AAD5067F07AFDA508E17E6673CE1AF55017197FE4D',1796739614908996);
INSERT INTO "idempotency_keys" VALUES(32,'acme','postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa43d170839ad7077c60a3d761',X'01A231FA46ED7FC3AF85DFB9C7EC283F',0,X'89EFE07BEF8A37C601361CCAA522997D560FFA90FCA9B656E127FDB8E1791EDC',1796739615469678);
INSERT INTO "idempotency_keys" VALUES(33,'operators','postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa43d170839ad7077c60a3d761',X'01A231FA46EE759DA6FCC275CCBCBEE9',0,X'9069629F24F1D8F1A0A239ED59E07D38C2BC55CDF7E3B6F5A6FD7066610957D0',1796739615470361);
INSERT INTO "idempotency_keys" VALUES(34,'acme','later-2',X'01A231FA47527A26BDCDB5C265C6277C',1,X'C854AB6E9CEFD0F50EAF8A904152B47F14D9763AEC421E89BDA107ADFD19B6E0',1796739615570919);
INSERT INTO "idempotency_keys" VALUES(35,'acme','paused-cancelled',X'01A231FA47C571B789C7ABE2273B1EFB',1,X'40C3F9DFBFBD0EDD06095AD84F6AC3B7B61953301C896111C1350543B57D5736',1796739615685782);
INSERT INTO "idempotency_keys" VALUES(36,'acme','hanging-cancelled',X'01A231FA47C87ED9B3A07152FAB8476B',1,X'EFD443CCEABB20372D0D91757170531E02C301D2610D31B7DBE6E46155D37B95',1796739615688412);
INSERT INTO "idempotency_keys" VALUES(37,'acme','leaving-1',X'01A231FA47D87AF8BB0D06D2CA0DCD4F',1,X'9E54814AEC82DCAEB59E41AC953C43CA16BF82BF386AC4541EEC21EB9171BB30',1796739615704926);
INSERT INTO "idempotency_keys" VALUES(38,'gone','last-1',X'01A231FA47E67412B48E1524B41BA5A0',1,X'5E56DDEBDBF21B7F1CFB8A5D7618A089725294C0AC8F93F4E16A6751DECFD65D',1796739615718133);
INSERT INTO "idempotency_keys" VALUES(39,'acme','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa47f47f7687ddaac75da8541d',X'01A231FA482E78EB8865F24B707736A1',0,X'8A87D0193F8FB9B18D0BD5B8BDA82737F9D8906B9F0259FD8F4A7401C5E97AC4',1796739615790171);
INSERT INTO "idempotency_keys" VALUES(40,'operators','postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa47f47f7687ddaac75da8541d',X'01A231FA482F7928ADC4E49A1103CD08',0,X'BD6C05EF7252149A02D15F20660B2E67765077984ADF2022661CF0EAEBA7E2FD',1796739615791104);
INSERT INTO "idempotency_keys" VALUES(41,'acme','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa4b3a71979cbbd6ce9a0c370b',X'01A231FA4B457FC0A2EFBD9D5D6A5A79',0,X'345A29E68FC11FE6A3EAE535AB8B79DF6E741493B80E11D975E7F644E5C67413',1796739616581644);
INSERT INTO "idempotency_keys" VALUES(42,'operators','postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa4b3a71979cbbd6ce9a0c370b',X'01A231FA4B46730FA9315552FD6F3046',0,X'CE8D1F0924CD3DCC07D86B472C740A109D8D278693CD19BC55F0E58DB96B0CBA',1796739616582653);
INSERT INTO "idempotency_keys" VALUES(43,'acme','orders-3',X'01A231FA4F8F78068771A6CED8F203A4',1,X'CCBACCA44A7A58AA10B2E613E3623C316686882952234D1F9C5AD7BFF6657E15',1796739617679875);
INSERT INTO "idempotency_keys" VALUES(44,'acme','hanging-1',X'01A231FA53477867BDAFFB8E8522403E',1,X'EFD443CCEABB20372D0D91757170531E02C301D2610D31B7DBE6E46155D37B95',1796739618631569);
CREATE TABLE later_deliveries (
    tenant   TEXT NOT NULL,
    event    BLOB NOT NULL,
    delivery BLOB NOT NULL,
    PRIMARY KEY (tenant, event, delivery)
) STRICT, WITHOUT ROWID;
INSERT INTO "later_deliveries" VALUES('acme',X'01A231FA3FB57D18845CE195ECF8BC53',X'01A231FA4F27714CB257BE086D0648FA');
INSERT INTO "later_deliveries" VALUES('acme',X'01A231FA402971E6B86284CB5D0340D2',X'01A231FA47F47F7687DDAAC75DA8541D');
INSERT INTO "later_deliveries" VALUES('acme',X'01A231FA409D7914A6E94A9553DBBAE2',X'01A231FA4B3A71979CBBD6CE9A0C370B');
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
INSERT INTO "operations" VALUES('acme',X'01A231FA48717C25B0415F25A461F385',4,2,NULL,X'01A231FA409D7D178131B858734DC64E',1,1,0,0,1796134815857465,1796134816570855,'{"kind":"replay","window":{"from":1796134808129000,"until":1796134815856000},"per_second":100,"subscription":"late","states":[5,7],"event_types":[]}');
INSERT INTO "operations" VALUES('acme',X'01A231FA4B607D5BBF4C82A53E5B2E37',4,2,NULL,X'01A231FA4B457FC0A2EFBD9D5D6A5A79',33,1,0,0,1796134816608897,1796134817575313,'{"kind":"backfill","window":{"from":1796134808129000,"until":1796134816608000},"per_second":100,"subscription":"newcomer"}');
INSERT INTO "operations" VALUES('acme',X'01A231FA5008712699C3D5A46B78F846',4,2,NULL,X'01A231FA4F8F797C901DC8004C6E26A3',34,1,0,19,1796134817800540,1796134818600073,'{"kind":"expunge","window":{"from":0,"until":1796134817800000},"selection":{"account":"account-2"},"cancel_unfinished":false,"dry_run":false}');
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
INSERT INTO "region_clocks" VALUES('far',0,1796134808565560);
CREATE TABLE replicas (
    id      TEXT    NOT NULL PRIMARY KEY,
    address TEXT    NOT NULL,
    version TEXT    NOT NULL,
    heard   INTEGER NOT NULL,
    -- Tells processes of one name apart.
    instance BLOB   NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "replicas" VALUES('replica-1','http://127.0.0.1:44515','0.1.0',1796134818617299,X'398FA5EE6AED928DF0B3A978F6028159');
CREATE TABLE shards (
    shard       INTEGER NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    owner       TEXT,
    lease_until INTEGER NOT NULL,
    -- The latest time by the clock of a process that wrote rows of the shard.
    clock       INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "shards" VALUES(0,1,'replica-1',1796134826604772,1796134816601931);
INSERT INTO "shards" VALUES(1,1,'replica-1',1796134826604772,1796134816601931);
INSERT INTO "shards" VALUES(2,1,'replica-1',1796134826604772,1796134816601931);
INSERT INTO "shards" VALUES(3,1,'replica-1',1796134826604772,1796134816601931);
INSERT INTO "shards" VALUES(4,1,'replica-1',1796134826604772,1796134816601931);
INSERT INTO "shards" VALUES(5,1,'replica-1',1796134826604772,1796134816601931);
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
INSERT INTO "subscriptions" VALUES('acme','orders',4,'Orders','http://127.0.0.1:46489/ok','default',1,'','{"display_name":"Orders","url":"http://127.0.0.1:46489/ok","event_types":["orders.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[{"name":"x-api-key"}],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'013BB69286DF2D114D10A16064366ECB858CF52DB706F235F9BA326EC230E6EFA74539B55B475B04502C8606CEEF321D5B0AAB4DA2B059C624DA07239A67C686B2F3E2AB03E2DC2734895E260BF3FDFE79D042668520588E787E6619EAB784C7BF6DB59ED62EC9F65B247EE8E549D5619CE559D06419C08C1C8F9A1F8FDAB0D6234913D642F1B192726E7512A20BA3CD6BC038F27879D94BD7F0538649CCCD68CBD063C21EEBF06FD4E1954E8CAB9433C4AAACF19170AB4FF15744D8C6E4967260A2D94B21A5F160D6171E9DCD74708648D437F3137CA66621F94D2B966A4FB2BA103FBF3360FFD36D011B2D8CA80A72596F8A7142C671792B1C3A986E72EABC61E64A93E94BFC641981EA762EE8357D9C763F664F45CF4689948D37C73C79E2AC7A2914E2D96045889F3718805D3D987282C6CD6F2AB6FFAEB88451E52CE48968FB7E3C9654C36968C5CD519C1328176FA7',X'0132A0E4DC8E12A6D42563B23AF07C37D7D27443EBC34BFD7E2CBC94035226EDD7452E8685EEB7B3A5115BB4E6C87E0C35CA0BAB','orders
orders
http://127.0.0.1:46489/ok',0,NULL,2,1,20,1796134807933642,1796134808094265,NULL,X'01BD15183A0A7EF0C7D454AC3DEAB7999CD71C01249BB4BD18833E38CC5234F60ACC5C3DB32FDDF4BEA90A6F80D969A98E244B3E56E31AC0842A303DA82A2B1425E415DAB4DA3069E795490CDC0C1B7DD2C751BAFD40D80565075FF16921FE5CD4CDC7991EDC1DFAF5F679B02287F161841D54B93326DE81B956F53E6FB660C446B69DC0A0BAA2F828949293807E22210CD7EAE3CFF125DC335B',NULL);
INSERT INTO "subscriptions" VALUES('acme','flaky',4,'','http://127.0.0.1:46489/once','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/once","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'017049A0C7C69D9F2314CF393639642B6FA480E0383779BB08209327F2645845536B4BB682406F6B2915D19F187A5C82EDB8F24CCE9EE9A788A5F2D498B4E848C7256D5AA9F90B3AB5CB7A0EA22DB00B868A711ABE826796B48BE79F3B71ECD83C90D7528F6419479BFD4E02E33D1081EAFACD4050424C5EAC2FC6D31CF614D8DDFC5C7326B6E066D2C0FD438E97963FD46DE21582B95B9DB6489529CADB3EA64F74C020897D30D357C85F560F5AF28680FCA6722D716F71',X'01AC2E213FAEA9DBE477667B732A02AEDE0807B30383855BA77287A7A2A575','flaky

http://127.0.0.1:46489/once',0,NULL,1,1,3,1796134807940846,1796134807940846,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','down',4,'','http://127.0.0.1:46489/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/error","event_types":["down.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01C158CE2EB123991504DBA067F136E01DA4F66AF4D39E286C2589A8537DF617066D7B9949C58CAB1326AC7455B4DB731664F39F23EE9F78BE1081790A23BE2B9FADFA988B417C2005491D9661D08653708F3FE5D67D8DF8E9CCF246BDCD5B6DE66E20269294F9304B152A33A876B1B5E52E5B481448931B0D0E8DF3BDBA6163F1585B622D6C401F28EBAB0793990D41C7B4BAFE38273EB6D7247E2A3021207F283A19B57D4083B16AE8EDDC0A6099BB7A7E6D51711516DF',X'016CD27AC65932337523824654AF4D0BCFD7517CBCC432FD6F99A563CADF28','down

http://127.0.0.1:46489/error',0,NULL,1,1,4,1796134807945419,1796134807945419,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','later',4,'','http://127.0.0.1:46489/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/error","event_types":["later.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01E3DD748501FBD402E2D1042A1C9EBE654717120BB924C3A30774497F6DA8FE0E0D4CC4D4DF5D33865BA585289D88BDB551159D123F1321D415CD09FBE7660F11CC2815DAA8392876FACCDD94573B6CC2A1258B4F13D2EC957B02156266D37FA53394AFB24F5EDE4EA53F80D9F97263D60207B6553ABAF1F40F1932227DBDB45A859D9CFA0709F45B2FB2030C5626DC46D9EEA63DC1C65FFFFBF5EF6A4042FC2A1A81605031B1122A893450FAE518C740C69C64E86BE7BF',X'017C85CAF53E662DD45CC18C61048E502BCDB3618067617A86E5E607D40DF0','later

http://127.0.0.1:46489/error',0,NULL,1,1,5,1796134807954903,1796134807954903,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','late',4,'','http://127.0.0.1:46489/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/error","event_types":["late.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":{"secs":1,"nanos":0},"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01369CB0E12B6B581442A0FB115406F5780F4183AAFC977E73682680650F537F3EAFBF753F0C4A97C8F576044C238850D3CF20C6CAA1514582A0F1B58A98228E1C88EBBC16114FDAF31383B45388F3EA2686BF9DBC4D938E44A157B5414BCEB0CA6DC87C59CC9E3ED2E4FECAF0DD68B2DB6A145F541A8AAEAC9BF381F96B7C2ABBA112F8D0F37A57AAC83D07AD16DE952ECB47D018D9DF72972E6739FB8999FA4B1C9AA5C6E6D3983B59C9726998655670C6A1AFD2B811F7',X'01EA573C7CD6B3A9E03019DB6F06876E60B8EB33494F2684F3D98D44457422','late

http://127.0.0.1:46489/error',0,NULL,1,1,6,1796134807966801,1796134807966801,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','ordered',4,'','http://127.0.0.1:46489/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/error","event_types":["ordered.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01488FFAEDD1802F1A470982FF27E3B36B268E6EA0DDBACF0B6E715EFD6C9C8901CC13D1E395E05C78BFC79146A4D7307A885B6CE63C75E7685947D7DB9F539E39D3F5A6ACC6B7F37EF871F02466AC1E6FA551954DDCF61AF7BAF96AC6FC1127E9A45C29D1874B615FF17BBE762F90C3536DA9D0568057B4CCABA61673C6C3FEFB803DBCF7F48D76F97F193EBB4DA8BFAD3F161D77216C7FE22AE05BF9869C710E19D65861F3BDB48626AEB1FB256CFB1C382CCAFDBDD7DC',X'01F8C321B978E36E89C92BBE474CDC18BE8D1B9AEF7B8BE2C42CBD13ACC69C','ordered

http://127.0.0.1:46489/error',0,NULL,1,1,7,1796134807982751,1796134807982751,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','kept',4,'','http://127.0.0.1:46489/error','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/error","event_types":["kept.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"hold","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'013F2917D1C70CF5955BDBD922297ECA43D0A93A08A4C7C23F19B8CD1A630BE202D65FFA9E3E46CDEFBBA6BA813C7E78FE132F88A057344C13FCDAE0ABB2D1F0AB7B328221D541B6ED2E09EF461F571528649A3FD72FF840551413F5C47779A2AAAC19BC73E59D135631F633AD513E49A1E73062497F8689BD182FBA7E3F323412D039A537218A8DB9C223B1027E7B8EB4C2BDEAD693C84E372422829BA4DCCDA585072CC0CC2F793C8786B85DCD56D4AEB8AE90C4D8CDEE',X'01C563B090A8E8DB961E2F9D8FA0AFCD3F35FE70DF58C86A324C049B8FB1C8','kept

http://127.0.0.1:46489/error',0,NULL,1,1,8,1796134807988119,1796134807988119,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','asked',4,'','http://127.0.0.1:46489/wait','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/wait","event_types":["asked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'0128F8C53819F8805A41C5815260F62CBB66AD1D55376D8B15DC9CCACEF78932ED74CFA2DE48A61273E43986B0911C2AE86889C8E99F8B447F969B830F07A30402FC371732AFD85FAE861C0D077A524D115DDE8F7B016445AB56498E7813650CDBEEAD4EED5EF09BF10A7BF3628AB217F54FC5CC6DCF8B35F5FBAFF3495E9772C1EEBA36A6F328C2FF90057AEDB2B04DC6CC62CB1B015AEFE45A7382DFA0FBBA7DE54E60C19E397D7023FB2C82D6E71A91E8F18F59CB41E8',X'011F9F6E927CE4567212AB5FE40AA534A584E22C0DC36A1CBA6A1D4C23A093','asked

http://127.0.0.1:46489/wait',0,NULL,1,1,9,1796134807999533,1796134807999533,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','paused',4,'','http://127.0.0.1:46489/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["paused.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01CF2E30473C74B81BC49E96BA5FF82FF7324DA652BB81AD319113179B656FB987E83A281A0F01B1AFCE5CF1184B0BFBCF26095F39A931799500FFBE9A943C70E901F28905D033B3C2BF7A92DE4E6D62D20BB6A7A2575AB69AA20BBBBD5A1D418CC77A4772E83CC2CE23246697C462DE6787884E5003EA6AC6B52AB5AEB19112C9E641CF4C40B50696A1701B85010FB60CBFB57787D1E71C80C64E64367C0088707412B6BAA708BB59A44633BE159E6300ADDA35EC82E759',X'0129AE3B063897F27005285AAF8F614724C3E8D479704347C87C99BF021AE1','paused

http://127.0.0.1:46489/ok',0,1796134808010770,1,1,10,1796134808010770,1796134808010770,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','disabled',4,'','http://127.0.0.1:46489/ok','default',3,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["disabled.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'013EEE861F6E5810623588FBE17B90695F33F2BC2947C05256E4CE5B1D663205791F5BB5529052371B579545951F909BCF4999EBA1C09E20B2E7B9EF63676BC466A9C512CCCE1CC08A5B403AA3D5C399D95219986B020AABB42EF6C947C972B99C192A3A10C0130E3C5C792C9EAF4614F54D8C266E0DAB5DC19DAB5978B0DEFE1598F327B0D95F4E45CED31CAC1A6A0A5B859FD3086C64E655BC720E824CAC069CD8452DEEDE24BF80DBCA54E45E44A2432793E06E9A00B6',X'01B84B373937294EE9C40FBFB7CE06C4C1AC62D8014D7261277FBDA528D8E8','disabled

http://127.0.0.1:46489/ok',0,NULL,1,1,11,1796134808023818,1796134808023818,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','far',4,'','http://127.0.0.1:46489/ok','far',1,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["far.*"],"accounts":[],"region":"far","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01E760DCB2AAE766AB8B5B60B7ABA78F151E46D826B54479FC781D8DBBC03341DC6CDDDE4A4EEB26A7DA1021EA2534264B015AEC2F265A73779938A103BFCC1F59F1EBBDA3C7C1E128D6E29AB3A16A7D327F68F8BA693BB93D708686AEBB4801479084B5BA45DD2E786130F374F3D58E864EB1017D549F417E31E73C3196EABA4A4E6EBF5E2A2703F1044D5B72CD3BAB8F2360907E7296C66B07E7EEF2D0E6C6A5757A5382478800468612C513C002841F31092AE8B31B99',X'01B51882841DD6ED1773DD25B348718F8475E44A7E279BBE91EBFAA97607C6','far

http://127.0.0.1:46489/ok',0,NULL,1,1,12,1796134808031307,1796134808031307,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','blocked',4,'','http://10.0.0.1/','default',1,'','{"display_name":"","url":"http://10.0.0.1/","event_types":["blocked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01E2277CAC132D5AB9F465AA744BC3FF0FB90F13C81B06FE26DD1C732B7DD35B11F8528165526EBA6BA9AD92DCE2C049D79681D8A7E4E71B22285BDB46FE68B544434028091F9575CEB7DBDC44A6DCB9D09FE1D770043DEB15CF5BFF4BBB5BD0746FFFAF08AC73386DBDBC38F08C4FC4306475516DE1783431CAE682ACD1C7D77A2BE361E3C0C3D33647729E8EDC53DF5D6C73BFEEFAD9B173379960FBA01B42341A3BBBA4D75A45D480C2FBB7D7B9A54FC4B6B90B091749',X'0192133E7ECFE5B0A16CBD3D552CDA71DF2068DD1884E3DDC4D8B1E1A9967D','blocked

http://10.0.0.1/',0,NULL,1,1,13,1796134808040091,1796134808040091,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','refused',4,'','http://127.0.0.1:44999/','default',1,'','{"display_name":"","url":"http://127.0.0.1:44999/","event_types":["refused.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01E2E2A3A67EA898B54024ECAA1BF2C59F50617007D6B8F17876677C49B9DD542254452B499808C308C51EC2A0EC69E934C3EFAC1566CE6B44E4940DB1055D33C7D19B3A52E110151856D2B993DF23C5B4A587C83DEAA5B9061DF23A278E551BCABB783E23C3F992C23F5293237AE357AADCB1F44AC68D95C18BBFEA81B07B89184C52785916C55DB9C271669FA58850D5F639C38DC9BDED3D4B479B19DAC22B25847E75373ACF50FBBFA9CB85A60352E2AE569FBD1A76CF',X'01F23441112D15C52DF14E36133BBF14888B3BBA09C999EE0F841D5756706E','refused

http://127.0.0.1:44999/',0,NULL,1,1,14,1796134808046562,1796134808046562,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','slow',4,'','http://127.0.0.1:46489/hang','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/hang","event_types":["slow.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":0,"nanos":500000000},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01C443AFBB46CE22FDFE8445521A22CD3E24BEF3C598783B1065AA21494E6A530B65E3FEF22D4AF9966CAA04D8789A2AB10A2DEBF66EF7C79AABA12ED33DDF4E13A87D13CF3BE60F4B6E3268654B303084CE371987BE360E008628E1E62796D3CF92DD23C5EE8A60316C1B512B88A3A6B07FCC4DD695427BCDC3EC15C41AEEFB586F2CC439BC28674B9CC1CDAC3B62C58264F1B063358C6EEDF2E76502A4592588E1C136F5C470A5C5C0FED288A5D8BE5180D3EC05FA2AC3',X'0107B449E778C9711D07AFCEEA7D0BD2926D050766BE5B9BD6F16A668C7C84','slow

http://127.0.0.1:46489/hang',0,NULL,1,1,15,1796134808053290,1796134808053290,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','filtered',4,'','http://127.0.0.1:46489/ok','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["filtered.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"event.payload.missing.field == 1","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'0140A14FDEFABCAEF742BEA8BB26AC2722A9E582471A98FEF0957E6C163D0C722320E1B555552E9A09A4CCA396FDA04644C7077D576F1EB260692C05D1771D2B173172E0C7D4B10D81B023DA7B54FDFAC9C90F8A4ED2B6928EF6893F9B459182BDB7C5FA314670A9D70DE49E7D14AD1DE9B7B632D777E8E5F21E63A5DDDF96634CB53C07F60C1F39DF8E8B8EF26BE07825F4FF0E4E7F648D267F4494EEBAC61A63E8A46714761937FE60BE65AA7863904EBA87F0C784DD1A',X'01FAA9763F28669AEE537E516780CF608C1A7DACE53DA0320D80B3E24E67C5','filtered

http://127.0.0.1:46489/ok',0,NULL,1,1,16,1796134808060921,1796134808060921,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','lost',4,'','http://127.0.0.1:46489/hang-once','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/hang-once","event_types":["lost.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'0104958C0F1AC0F2983D7E0E36BD1C89D5A37376EF47826BB6C108178076D555B36AA63393E5609388A007BF1ED1779CF360617C4C70EEF4D541C8E555452FD43137AD0BF5A73758C671F40C8793C0081B0406966A87F35E448457BEC6AAE512C7BC4DD23455CD371C1A5A66FCC19E579B9ADF9FBD0F5C814AEAE75A19E2E4B104317057933D31F0EF3BE462A13FD033DD02B5C079731541D9F952EC842D5ECCF1EA6E6D42E4703CD98998B6C6D09D91A47DFF9551545A73',X'01427A9F0E5C56588CE3582E09F7F7B5B0A2EAB54B75087B88B23F83AA91A9','lost

http://127.0.0.1:46489/hang-once',0,NULL,1,1,17,1796134808069139,1796134808069139,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','hanging',4,'','http://127.0.0.1:46489/hang','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/hang","event_types":["hanging.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'012F463C67B569B6E7DDFA0178B1C7CAB484C647AF98E429B366AAEDA096702206D76B89666702471FCE0C7E28E7655B60B9A96450E216FFA005C0CB22E207FB8F867FB82658D7D63370D835DBF8CBBC750E253D70800FB0D3EEC9FC0E172F5EAFF39BF47B59A561FED529390931EC80C2FE431604217FBF37AEB48C3CB43687555DE8674BBE5DD91BA84670D6D864BD9430B0530B81BC8CCC39BD32B8DC16613E76D48F46E640B65800D82393C9A2645B31A98C444A4D3F',X'01DB6EA1CB7AADEB6F40DA4E28CC51CC4615EE33092A96E3CF7E84DD17DACF','hanging

http://127.0.0.1:46489/hang',0,NULL,1,1,18,1796134808072990,1796134808072990,NULL,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','leaving',4,'','http://127.0.0.1:46489/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["leaving.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',NULL,NULL,NULL,'leaving

http://127.0.0.1:46489/ok',0,1796134808077528,2,1,21,1796134808077528,1796134808077528,1796134815711358,NULL,NULL);
INSERT INTO "subscriptions" VALUES('gone','last',2,'','http://127.0.0.1:46489/ok','default',2,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["last.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',NULL,NULL,NULL,'last

http://127.0.0.1:46489/ok',0,1796134808084318,2,1,2,1796134808084318,1796134815723329,1796134815723329,NULL,NULL);
INSERT INTO "subscriptions" VALUES('acme','newcomer',4,'','http://127.0.0.1:46489/ok','default',1,'','{"display_name":"","url":"http://127.0.0.1:46489/ok","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}',X'7F2540FDA2AD4823AD2090E31B916181',X'01F99A03134ED9446962C34B111805CA231713E5F84528F3E2F22E2FAF3ACB72AC56A0DF3DD61DCF82B36A2DEB586483D9231018AAFC23E757948C73938DCAA5641552C1BB73A88C46848B9DFB7CC3F2F08D7E18F17D6A9A8FF7FB32C91CD1C41AB5EAF0EDAED71301EB51BD7E26416D4133BBD5FAF4802ED2F008C123601389D823837AE8E2872BDD41E34593A932E240FED2564329B4F4945A55C8C57D66A1CBD018CBD0964A3592A38BD0097503CB9241E3C2C6D88ED5',X'01B30245F53D9724B3560C76CF7688C1CF95D85F66D3A04D0ADBDA48C8FC1A','newcomer

http://127.0.0.1:46489/ok',0,NULL,1,1,22,1796134816599169,1796134816599169,NULL,NULL,NULL);
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
acme',22,1,1796134807924721,1796134807924721,NULL,18,X'7F2540FDA2AD4823AD2090E31B916181');
INSERT INTO "tenants" VALUES('brief','Brief',1,'{}',864000000000,86400000000,'brief
brief',1,1,1796134807927396,1796134807927396,NULL,0,NULL);
INSERT INTO "tenants" VALUES('gone','Gone',1,'{}',NULL,NULL,'gone
gone',3,2,1796134807930037,1796134815723329,1796134815723329,1,NULL);
INSERT INTO "tenants" VALUES('operators','Operators',1,'{}',NULL,NULL,'operators
operators',1,1,1796134807922019,1796134807922019,NULL,0,NULL);
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
INSERT INTO "tokens" VALUES('57b43aee616346668d80',X'130639903AE083712E5D759CB35529FE99E1E6FAA930301DD7D0D337DCF89827',1,'publisher','[{"role":"publisher","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796134808100156,NULL,NULL,NULL,'acme');
INSERT INTO "tokens" VALUES('87b408ce87433e799548',X'55B88CAFDFAF5AC7902EEF4C3231F00463C8FE8D59DBB151345AE1B08B92768B',1,'revoked','[{"role":"publisher","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796134808104868,NULL,1796134808110586,NULL,'acme');
INSERT INTO "tokens" VALUES('e0dc217d64c9282d858c',X'40747FDF19B75A20A4158AAECC2BE8B7DD12AB07BA3277131CD9D2100E4DC5CC',2,'','[{"role":"reader","scope":{"tenants":["acme"]}}]','token:7e577e577e577e577e57',1796134808116958,1796138408116958,NULL,NULL,'acme');
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
