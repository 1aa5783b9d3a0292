CREATE TYPE period AS ENUM ('days', 'hours', 'minutes', 'seconds', 'microseconds');
CREATE TYPE solarevent AS ENUM ('dawn_astronomical', 'dawn_nautical', 'dawn_civil', 'sunrise', 'solar_noon', 'sunset', 'dusk_civil', 'dusk_nautical', 'dusk_astronomical');
CREATE SCHEMA celery_schema;
CREATE TABLE celery_schema.celery_clockedschedule (
	id SERIAL NOT NULL,
	clocked_time TIMESTAMP WITH TIME ZONE,
	CONSTRAINT celery_clockedschedule_pkey PRIMARY KEY (id)
);
INSERT INTO celery_schema.celery_clockedschedule VALUES (1, '2026-12-24T17:00:00+00:00');
CREATE TABLE celery_schema.celery_crontabschedule (
	id SERIAL NOT NULL,
	minute VARCHAR(240) NOT NULL,
	hour VARCHAR(96) NOT NULL,
	day_of_week VARCHAR(64) NOT NULL,
	day_of_month VARCHAR(124) NOT NULL,
	month_of_year VARCHAR(64) NOT NULL,
	timezone VARCHAR(64) NOT NULL,
	CONSTRAINT celery_crontabschedule_pkey PRIMARY KEY (id)
);
INSERT INTO celery_schema.celery_crontabschedule VALUES (1, '30', '3', '*', '*', '*', 'Europe/Berlin');
INSERT INTO celery_schema.celery_crontabschedule VALUES (2, '0', '6', '1', '1-7', '*', 'Europe/Berlin');
INSERT INTO celery_schema.celery_crontabschedule VALUES (3, '0', '6', '5', '13', '*', 'Europe/Berlin');
CREATE TABLE celery_schema.celery_intervalschedule (
	id SERIAL NOT NULL,
	every INTEGER NOT NULL,
	period period NOT NULL,
	CONSTRAINT celery_intervalschedule_pkey PRIMARY KEY (id),
	CONSTRAINT celery_intervalschedule_every_check CHECK (every >= 1)
);
INSERT INTO celery_schema.celery_intervalschedule VALUES (1, 10, 'minutes');
INSERT INTO celery_schema.celery_intervalschedule VALUES (2, 1, 'hours');
INSERT INTO celery_schema.celery_intervalschedule VALUES (3, 45, 'seconds');
CREATE TABLE celery_schema.celery_periodictask (
	id SERIAL NOT NULL,
	name VARCHAR(255) NOT NULL,
	task VARCHAR(255) NOT NULL,
	args TEXT NOT NULL,
	kwargs TEXT NOT NULL,
	queue VARCHAR(255),
	exchange VARCHAR(255),
	routing_key VARCHAR(255),
	headers TEXT,
	priority INTEGER,
	expires TIMESTAMP WITH TIME ZONE,
	expire_seconds INTEGER,
	one_off BOOLEAN NOT NULL,
	start_time TIMESTAMP WITH TIME ZONE,
	enabled BOOLEAN NOT NULL,
	last_run_at TIMESTAMP WITH TIME ZONE,
	total_run_count INTEGER NOT NULL,
	date_changed TIMESTAMP WITH TIME ZONE,
	description TEXT,
	discriminator VARCHAR(20) NOT NULL,
	schedule_id INTEGER NOT NULL,
	CONSTRAINT celery_periodictask_pkey PRIMARY KEY (id),
	CONSTRAINT celery_periodictask_name_key UNIQUE NULLS DISTINCT (name),
	CONSTRAINT celery_periodictask_priority_check CHECK (priority >= 0 AND priority <= 255)
);
INSERT INTO celery_schema.celery_periodictask VALUES (1, 'Nightly', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, true, '2026-11-20T02:30:00.008000+00:00', 40, '2026-11-22T04:23:18.229746+00:00', 'The nightly totals', 'crontabschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (2, 'Every ten minutes', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, true, '2026-11-20T11:57:13.250000+00:00', 0, '2026-11-22T04:23:18.409803+00:00', '', 'intervalschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (3, 'First Monday', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, true, NULL, 0, '2026-11-22T04:23:18.747845+00:00', '', 'crontabschedule', 2);
INSERT INTO celery_schema.celery_periodictask VALUES (4, 'Friday the 13th', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, true, NULL, 0, '2026-11-22T04:23:18.965507+00:00', '', 'crontabschedule', 3);
INSERT INTO celery_schema.celery_periodictask VALUES (5, 'Sunset', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, true, NULL, 0, '2026-11-22T04:23:19.066026+00:00', '', 'solarschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (6, 'At Christmas', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, true, NULL, true, NULL, 0, '2026-11-22T04:23:19.272037+00:00', '', 'clockedschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (7, 'Off there', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, false, NULL, false, NULL, 0, '2026-11-22T04:23:19.383682+00:00', '', 'crontabschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (8, 'Only once', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, NULL, NULL, true, NULL, true, NULL, 0, '2026-11-22T04:23:19.612026+00:00', '', 'crontabschedule', 1);
INSERT INTO celery_schema.celery_periodictask VALUES (9, 'In a window', 'sample_tasks.plain', '[1]', '{}', NULL, NULL, NULL, '{}', NULL, '2026-12-31T08:30:00+00:00', NULL, false, '2026-12-01T08:30:00+00:00', true, NULL, 0, '2026-11-22T04:23:19.740102+00:00', '', 'intervalschedule', 2);
INSERT INTO celery_schema.celery_periodictask VALUES (10, 'With options', 'sample_tasks.plain', '[1]', '{}', 'mail', NULL, NULL, '{}', 2, NULL, 120, false, NULL, true, NULL, 0, '2026-11-22T04:23:19.857423+00:00', '', 'intervalschedule', 3);
CREATE TABLE celery_schema.celery_periodictaskchanged (
	id SERIAL NOT NULL,
	last_update TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT celery_periodictaskchanged_pkey PRIMARY KEY (id)
);
INSERT INTO celery_schema.celery_periodictaskchanged VALUES (1, '2026-11-22T04:23:19.942407+00:00');
CREATE TABLE celery_schema.celery_solarschedule (
	id SERIAL NOT NULL,
	event solarevent NOT NULL,
	latitude NUMERIC(9, 6) NOT NULL,
	longitude NUMERIC(9, 6) NOT NULL,
	CONSTRAINT celery_solarschedule_pkey PRIMARY KEY (id),
	CONSTRAINT celery_solarschedule_event_latitude_longitude_key UNIQUE NULLS DISTINCT (event, latitude, longitude),
	CONSTRAINT celery_solarschedule_latitude_check CHECK (latitude >= '-90'::integer::numeric AND latitude <= 90::numeric),
	CONSTRAINT celery_solarschedule_longitude_check CHECK (longitude >= '-180'::integer::numeric AND longitude <= 180::numeric)
);
INSERT INTO celery_schema.celery_solarschedule VALUES (1, 'sunset', 52.500000, 13.400000);
