CREATE TABLE celery_clockedschedule (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	clocked_time DATETIME
);
INSERT INTO "celery_clockedschedule" VALUES(1,'2026-12-24 17:00:00.000000');
CREATE TABLE celery_crontabschedule (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	minute VARCHAR(240) NOT NULL,
	hour VARCHAR(96) NOT NULL,
	day_of_week VARCHAR(64) NOT NULL,
	day_of_month VARCHAR(124) NOT NULL,
	month_of_year VARCHAR(64) NOT NULL,
	timezone VARCHAR(64) NOT NULL
);
INSERT INTO "celery_crontabschedule" VALUES(1,'30','3','*','*','*','Europe/Berlin');
INSERT INTO "celery_crontabschedule" VALUES(2,'0','6','1','1-7','*','Europe/Berlin');
INSERT INTO "celery_crontabschedule" VALUES(3,'0','6','5','13','*','Europe/Berlin');
CREATE TABLE celery_intervalschedule (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	every INTEGER NOT NULL,
	period VARCHAR(12) NOT NULL,
	CHECK (every >= 1)
);
INSERT INTO "celery_intervalschedule" VALUES(1,10,'minutes');
INSERT INTO "celery_intervalschedule" VALUES(2,1,'hours');
INSERT INTO "celery_intervalschedule" VALUES(3,45,'seconds');
CREATE TABLE celery_periodictask (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name VARCHAR(255) NOT NULL,
	task VARCHAR(255) NOT NULL,
	args TEXT NOT NULL,
	kwargs TEXT NOT NULL,
	queue VARCHAR(255),
	exchange VARCHAR(255),
	routing_key VARCHAR(255),
	headers TEXT,
	priority INTEGER,
	expires DATETIME,
	expire_seconds INTEGER,
	one_off BOOLEAN NOT NULL,
	start_time DATETIME,
	enabled BOOLEAN NOT NULL,
	last_run_at DATETIME,
	total_run_count INTEGER NOT NULL,
	date_changed DATETIME,
	description TEXT,
	discriminator VARCHAR(20) NOT NULL,
	schedule_id INTEGER NOT NULL,
	CHECK (priority BETWEEN 0 AND 255),
	UNIQUE (name)
);
INSERT INTO "celery_periodictask" VALUES(1,'Nightly','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,1,'2026-11-20 02:30:00.008000',40,'2026-11-22 04:21:30.884558','The nightly totals','crontabschedule',1);
INSERT INTO "celery_periodictask" VALUES(2,'Every ten minutes','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,1,'2026-11-20 11:57:13.250000',0,'2026-11-22 04:21:30.935379','','intervalschedule',1);
INSERT INTO "celery_periodictask" VALUES(3,'First Monday','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,1,NULL,0,'2026-11-22 04:21:31.061069','','crontabschedule',2);
INSERT INTO "celery_periodictask" VALUES(4,'Friday the 13th','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,1,NULL,0,'2026-11-22 04:21:31.186829','','crontabschedule',3);
INSERT INTO "celery_periodictask" VALUES(5,'Sunset','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,1,NULL,0,'2026-11-22 04:21:31.240016','','solarschedule',1);
INSERT INTO "celery_periodictask" VALUES(6,'At Christmas','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,1,NULL,1,NULL,0,'2026-11-22 04:21:31.262294','','clockedschedule',1);
INSERT INTO "celery_periodictask" VALUES(7,'Off there','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,0,NULL,0,NULL,0,'2026-11-22 04:21:31.270665','','crontabschedule',1);
INSERT INTO "celery_periodictask" VALUES(8,'Only once','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,NULL,NULL,1,NULL,1,NULL,0,'2026-11-22 04:21:31.277650','','crontabschedule',1);
INSERT INTO "celery_periodictask" VALUES(9,'In a window','sample_tasks.plain','[1]','{}',NULL,NULL,NULL,'{}',NULL,'2026-12-31 08:30:00.000000',NULL,0,'2026-12-01 08:30:00.000000',1,NULL,0,'2026-11-22 04:21:31.301090','','intervalschedule',2);
INSERT INTO "celery_periodictask" VALUES(10,'With options','sample_tasks.plain','[1]','{}','mail',NULL,NULL,'{}',2,NULL,120,0,NULL,1,NULL,0,'2026-11-22 04:21:31.319950','','intervalschedule',3);
CREATE TABLE celery_periodictaskchanged (
	id INTEGER NOT NULL,
	last_update DATETIME NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "celery_periodictaskchanged" VALUES(1,'2026-11-22 04:21:31.321856');
CREATE TABLE celery_solarschedule (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	event VARCHAR(17) NOT NULL,
	latitude NUMERIC(9, 6) NOT NULL,
	longitude NUMERIC(9, 6) NOT NULL,
	UNIQUE (event, latitude, longitude),
	CHECK (latitude BETWEEN -90 AND 90),
	CHECK (longitude BETWEEN -180 AND 180)
);
INSERT INTO "celery_solarschedule" VALUES(1,'sunset',52.5,13.4);
