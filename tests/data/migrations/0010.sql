-- Revision 0010: its schema, as that version made it, and a few invented rows of every table.
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE sources (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	url VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	last_checked_at DATETIME, 
	last_good_at DATETIME, 
	failures_in_row INTEGER NOT NULL, 
	last_verdict VARCHAR, 
	last_error TEXT, next_try_at DATETIME, incident_at DATETIME, moved_to TEXT, 
	CONSTRAINT uq_sources_name UNIQUE (name)
);
CREATE TABLE papers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	arxiv_id VARCHAR, 
	doi VARCHAR, 
	fingerprint VARCHAR NOT NULL, 
	title TEXT NOT NULL, 
	abstract TEXT NOT NULL, 
	authors JSON NOT NULL, 
	authors_text TEXT NOT NULL, 
	organisation VARCHAR, 
	summary TEXT, 
	keywords JSON NOT NULL, 
	categories JSON NOT NULL, 
	code_url TEXT, 
	project_url TEXT, 
	thumbnail_url TEXT, 
	media_urls JSON NOT NULL, 
	published_on DATE, 
	first_seen_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, url TEXT, venue VARCHAR, citations INTEGER, version INTEGER, withdrawn_at DATETIME, text_by VARCHAR, summary_by VARCHAR, 
	CONSTRAINT uq_papers_arxiv_id UNIQUE (arxiv_id), 
	CONSTRAINT uq_papers_doi UNIQUE (doi)
);
CREATE INDEX ix_papers_fingerprint ON papers (fingerprint);
CREATE INDEX ix_papers_first_seen_at ON papers (first_seen_at);
CREATE TABLE entries (
	id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	listed_on DATE NOT NULL, 
	source_ref VARCHAR, 
	position INTEGER NOT NULL, 
	votes INTEGER, 
	comments INTEGER, 
	stars INTEGER, 
	submitter VARCHAR, 
	first_seen_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, joined_by VARCHAR, confidence FLOAT, 
	CONSTRAINT pk_entries PRIMARY KEY (id), 
	CONSTRAINT fk_entries_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE, 
	CONSTRAINT fk_entries_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE, 
	CONSTRAINT uq_entries_source_id_paper_id_listed_on UNIQUE (source_id, paper_id, listed_on)
);
CREATE INDEX ix_entries_source_id ON entries (source_id);
CREATE INDEX ix_entries_paper_id ON entries (paper_id);
CREATE INDEX ix_entries_listed_on_paper_id ON entries (listed_on, paper_id);
CREATE INDEX ix_entries_source_id_source_ref ON entries (source_id, source_ref);
CREATE TABLE observations (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	observed_at DATETIME NOT NULL, 
	votes INTEGER, 
	position INTEGER, 
	comments INTEGER, 
	stars INTEGER, 
	CONSTRAINT pk_observations PRIMARY KEY (id), 
	CONSTRAINT fk_observations_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE, 
	CONSTRAINT fk_observations_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE, 
	CONSTRAINT uq_observations_paper_id_source_id_observed_at UNIQUE (paper_id, source_id, observed_at)
);
CREATE INDEX ix_observations_paper_id ON observations (paper_id);
CREATE INDEX ix_observations_source_id ON observations (source_id);
CREATE INDEX ix_observations_observed_at ON observations (observed_at);
CREATE TABLE issues (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	subscription_id INTEGER NOT NULL, 
	local_date DATE NOT NULL, 
	status VARCHAR NOT NULL, 
	subject TEXT NOT NULL, 
	coverage TEXT NOT NULL, 
	notice TEXT, 
	reason TEXT, 
	interests JSON NOT NULL, 
	zone VARCHAR NOT NULL, 
	composed_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT fk_issues_subscription_id_subscriptions FOREIGN KEY(subscription_id) REFERENCES subscriptions (id) ON DELETE CASCADE, 
	CONSTRAINT uq_issues_subscription_id_local_date UNIQUE (subscription_id, local_date)
);
CREATE INDEX ix_issues_subscription_id ON issues (subscription_id);
CREATE INDEX ix_issues_composed_at ON issues (composed_at);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	use_case VARCHAR NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	ok BOOLEAN, 
	outcome JSON NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id)
);
CREATE INDEX ix_runs_use_case_started_at ON runs (use_case, started_at);
CREATE VIRTUAL TABLE papers_fts USING fts5(
        title, abstract, authors_text,
        content='papers', content_rowid='id',
        tokenize='porter unicode61 remove_diacritics 2'
    );
CREATE TRIGGER papers_fts_insert AFTER INSERT ON papers BEGIN
        INSERT INTO papers_fts(rowid, title, abstract, authors_text)
        VALUES (new.id, new.title, new.abstract, new.authors_text);
    END;
CREATE TRIGGER papers_fts_delete AFTER DELETE ON papers BEGIN
        INSERT INTO papers_fts(papers_fts, rowid, title, abstract, authors_text)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors_text);
    END;
CREATE TRIGGER papers_fts_update AFTER UPDATE OF title, abstract, authors_text ON papers BEGIN
        INSERT INTO papers_fts(papers_fts, rowid, title, abstract, authors_text)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors_text);
        INSERT INTO papers_fts(rowid, title, abstract, authors_text)
        VALUES (new.id, new.title, new.abstract, new.authors_text);
    END;
CREATE TABLE letters (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR NOT NULL, 
	recipient VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	subject TEXT NOT NULL, 
	text TEXT NOT NULL, 
	html TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT uq_letters_kind_recipient_key UNIQUE (kind, recipient, "key")
);
CREATE TABLE bounces (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	delivery_id INTEGER, 
	subscriber_id INTEGER, 
	kind VARCHAR NOT NULL, 
	code VARCHAR, 
	diagnostic TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT pk_bounces PRIMARY KEY (id), 
	CONSTRAINT uq_bounces_digest UNIQUE (digest), 
	CONSTRAINT fk_bounces_delivery_id_deliveries FOREIGN KEY(delivery_id) REFERENCES deliveries (id) ON DELETE SET NULL, 
	CONSTRAINT fk_bounces_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE INDEX ix_bounces_delivery_id ON bounces (delivery_id);
CREATE INDEX ix_bounces_subscriber_id ON bounces (subscriber_id);
CREATE INDEX ix_bounces_received_at ON bounces (received_at);
CREATE TABLE suppressions (
	id INTEGER NOT NULL, 
	email_key VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_suppressions PRIMARY KEY (id), 
	CONSTRAINT uq_suppressions_email_key UNIQUE (email_key)
);
CREATE TABLE domain_pace (
	domain VARCHAR NOT NULL, 
	failures INTEGER NOT NULL, 
	not_before DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_domain_pace PRIMARY KEY (domain)
);
CREATE TABLE shown_papers (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	shown JSON NOT NULL, 
	CONSTRAINT pk_shown_papers PRIMARY KEY (id), 
	CONSTRAINT uq_shown_papers_digest UNIQUE (digest)
);
CREATE TABLE "recommendations" (
	id INTEGER NOT NULL, 
	issue_id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	section VARCHAR NOT NULL, 
	score FLOAT NOT NULL, 
	interest VARCHAR, 
	interest_id INTEGER, 
	reasons JSON NOT NULL, 
	parts JSON NOT NULL, 
	shown_id INTEGER NOT NULL, 
	CONSTRAINT pk_recommendations PRIMARY KEY (id), 
	CONSTRAINT uq_recommendations_issue_id_paper_id UNIQUE (issue_id, paper_id), 
	CONSTRAINT fk_recommendations_issue_id_issues FOREIGN KEY(issue_id) REFERENCES issues (id) ON DELETE CASCADE, 
	CONSTRAINT fk_recommendations_interest_id_interests FOREIGN KEY(interest_id) REFERENCES interests (id) ON DELETE SET NULL, 
	CONSTRAINT uq_recommendations_issue_id_position UNIQUE (issue_id, position), 
	CONSTRAINT fk_recommendations_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE, 
	CONSTRAINT fk_recommendations_shown_id_shown_papers FOREIGN KEY(shown_id) REFERENCES shown_papers (id) ON DELETE RESTRICT
);
CREATE INDEX ix_recommendations_interest_id ON recommendations (interest_id);
CREATE INDEX ix_recommendations_issue_id ON recommendations (issue_id);
CREATE INDEX ix_recommendations_paper_id ON recommendations (paper_id);
CREATE INDEX ix_recommendations_shown_id ON recommendations (shown_id);
CREATE TABLE "deliveries" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	issue_id INTEGER, 
	channel VARCHAR NOT NULL, 
	recipient VARCHAR NOT NULL, 
	message_id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	may_have_arrived BOOLEAN NOT NULL, 
	planned_at DATETIME NOT NULL, 
	sending_at DATETIME, 
	sent_at DATETIME, 
	retry_at DATETIME, 
	reply TEXT, 
	reason TEXT, 
	letter_id INTEGER, 
	envelope_from VARCHAR, 
	lease VARCHAR, 
	data_at DATETIME, 
	CONSTRAINT uq_deliveries_issue_id_channel UNIQUE (issue_id, channel), 
	CONSTRAINT fk_deliveries_issue_id_issues FOREIGN KEY(issue_id) REFERENCES issues (id) ON DELETE CASCADE, 
	CONSTRAINT uq_deliveries_message_id UNIQUE (message_id), 
	CONSTRAINT fk_deliveries_letter_id_letters FOREIGN KEY(letter_id) REFERENCES letters (id) ON DELETE CASCADE, 
	CONSTRAINT uq_deliveries_letter_id_channel UNIQUE (letter_id, channel)
);
CREATE INDEX ix_deliveries_status_retry_at ON deliveries (status, retry_at);
CREATE INDEX ix_deliveries_issue_id ON deliveries (issue_id);
CREATE INDEX ix_deliveries_letter_id ON deliveries (letter_id);
CREATE INDEX ix_deliveries_sent_at ON deliveries (sent_at);
CREATE TABLE "checks" (
	id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	day DATE NOT NULL, 
	checked_at DATETIME NOT NULL, 
	verdict VARCHAR NOT NULL, 
	entries INTEGER NOT NULL, 
	declared INTEGER, 
	new INTEGER NOT NULL, 
	modified INTEGER NOT NULL, 
	unchanged INTEGER NOT NULL, 
	error TEXT, 
	evidence JSON NOT NULL, ids VARCHAR, 
	CONSTRAINT pk_checks PRIMARY KEY (id), 
	CONSTRAINT fk_checks_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE
);
CREATE INDEX ix_checks_source_id ON checks (source_id);
CREATE INDEX ix_checks_checked_at ON checks (checked_at);
CREATE INDEX ix_checks_source_id_day_checked_at ON checks (source_id, day, checked_at);
CREATE INDEX ix_checks_day ON checks (day);
CREATE TABLE "pages" (
	id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	day DATE, 
	fetched_at DATETIME NOT NULL, 
	status INTEGER NOT NULL, 
	content_type VARCHAR NOT NULL, 
	etag VARCHAR, 
	last_modified VARCHAR, 
	sha256 VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	verdict VARCHAR, 
	role VARCHAR NOT NULL, 
	carry JSON NOT NULL, 
	headers JSON NOT NULL, 
	check_id INTEGER, 
	CONSTRAINT pk_pages PRIMARY KEY (id), 
	CONSTRAINT fk_pages_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE, 
	CONSTRAINT fk_pages_check_id_checks FOREIGN KEY(check_id) REFERENCES checks (id) ON DELETE SET NULL
);
CREATE INDEX ix_pages_source_id_url_fetched_at ON pages (source_id, url, fetched_at);
CREATE INDEX ix_pages_source_id ON pages (source_id);
CREATE INDEX ix_pages_fetched_at ON pages (fetched_at);
CREATE INDEX ix_pages_check_id ON pages (check_id);
CREATE TABLE paper_ids (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	CONSTRAINT pk_paper_ids PRIMARY KEY (id), 
	CONSTRAINT uq_paper_ids_kind_value UNIQUE (kind, value), 
	CONSTRAINT fk_paper_ids_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE
);
CREATE INDEX ix_paper_ids_paper_id ON paper_ids (paper_id);
CREATE TABLE paper_versions (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	version INTEGER, 
	title TEXT NOT NULL, 
	abstract TEXT NOT NULL, 
	text_by VARCHAR, 
	seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_paper_versions PRIMARY KEY (id), 
	CONSTRAINT fk_paper_versions_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE
);
CREATE INDEX ix_paper_versions_paper_id ON paper_versions (paper_id);
CREATE TABLE paper_joins (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	gone_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	confidence FLOAT NOT NULL, 
	joined_at DATETIME NOT NULL, 
	CONSTRAINT pk_paper_joins PRIMARY KEY (id), 
	CONSTRAINT fk_paper_joins_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE
);
CREATE INDEX ix_paper_joins_paper_id ON paper_joins (paper_id);
CREATE TABLE paper_splits (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	other_id INTEGER NOT NULL, 
	split_at DATETIME NOT NULL, 
	CONSTRAINT pk_paper_splits PRIMARY KEY (id), 
	CONSTRAINT uq_paper_splits_paper_id_other_id UNIQUE (paper_id, other_id), 
	CONSTRAINT fk_paper_splits_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE, 
	CONSTRAINT fk_paper_splits_other_id_papers FOREIGN KEY(other_id) REFERENCES papers (id) ON DELETE CASCADE
);
CREATE INDEX ix_paper_splits_paper_id ON paper_splits (paper_id);
CREATE INDEX ix_paper_splits_other_id ON paper_splits (other_id);
CREATE TABLE robots (
	origin VARCHAR NOT NULL, 
	status INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	fetched_at DATETIME NOT NULL, 
	CONSTRAINT pk_robots PRIMARY KEY (origin)
);
CREATE TABLE enrichments (
	id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	enricher VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	asked_at DATETIME NOT NULL, 
	next_try_at DATETIME, 
	cost FLOAT NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_enrichments PRIMARY KEY (id), 
	CONSTRAINT uq_enrichments_paper_id_enricher UNIQUE (paper_id, enricher), 
	CONSTRAINT fk_enrichments_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE
);
CREATE INDEX ix_enrichments_paper_id ON enrichments (paper_id);
CREATE INDEX ix_enrichments_enricher_asked_at ON enrichments (enricher, asked_at);
CREATE TABLE "subscriptions" (
	id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	cadence VARCHAR NOT NULL, 
	weekday INTEGER NOT NULL, 
	hour INTEGER NOT NULL, 
	zone VARCHAR NOT NULL, 
	mail BOOLEAN NOT NULL, 
	feed BOOLEAN NOT NULL, 
	max_papers INTEGER, 
	trend_weight FLOAT, 
	created_at DATETIME NOT NULL, 
	hidden_sections JSON NOT NULL, language VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_subscriptions_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE INDEX ix_subscriptions_subscriber_id ON subscriptions (subscriber_id);
CREATE TABLE "feedback" (
	id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	paper_id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	interest_id INTEGER, 
	created_at DATETIME NOT NULL, 
	note TEXT NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (id), 
	CONSTRAINT uq_feedback_subscriber_id_paper_id_kind UNIQUE (subscriber_id, paper_id, kind), 
	CONSTRAINT fk_feedback_paper_id_papers FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE CASCADE, 
	CONSTRAINT fk_feedback_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE, 
	CONSTRAINT fk_feedback_interest_id_interests FOREIGN KEY(interest_id) REFERENCES interests (id) ON DELETE SET NULL
);
CREATE INDEX ix_feedback_subscriber_id ON feedback (subscriber_id);
CREATE INDEX ix_feedback_interest_id ON feedback (interest_id);
CREATE INDEX ix_feedback_paper_id ON feedback (paper_id);
CREATE TABLE "subscribers" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	email VARCHAR, 
	email_key VARCHAR, 
	status VARCHAR NOT NULL, 
	feed_token VARCHAR NOT NULL, 
	token_version INTEGER NOT NULL, 
	paused_until DATE, 
	created_at DATETIME NOT NULL, 
	confirmed_at DATETIME, 
	left_from JSON, learn_from DATETIME, left_at DATETIME, 
	CONSTRAINT uq_subscribers_feed_token UNIQUE (feed_token), 
	CONSTRAINT uq_subscribers_email_key UNIQUE (email_key)
);
CREATE TABLE sign_ups (
	id INTEGER NOT NULL, 
	email VARCHAR NOT NULL, 
	email_key VARCHAR NOT NULL, 
	asked_on DATE NOT NULL, 
	kind VARCHAR NOT NULL, 
	nonce VARCHAR NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	wishes JSON NOT NULL, 
	asked_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	confirmed_at DATETIME, 
	origin TEXT NOT NULL, 
	CONSTRAINT pk_sign_ups PRIMARY KEY (id), 
	CONSTRAINT uq_sign_ups_email_key_asked_on UNIQUE (email_key, asked_on), 
	CONSTRAINT uq_sign_ups_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_sign_ups_email_key ON sign_ups (email_key);
CREATE INDEX ix_sign_ups_asked_at ON sign_ups (asked_at);
CREATE TABLE "interests" (
	id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	keywords JSON NOT NULL, 
	must_keywords JSON NOT NULL, 
	not_keywords JSON NOT NULL, 
	authors JSON NOT NULL, 
	categories JSON NOT NULL, 
	examples JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	about TEXT NOT NULL, 
	only_examples BOOLEAN NOT NULL, 
	learn_from DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_interests_subscriber_id_name UNIQUE (subscriber_id, name), 
	CONSTRAINT fk_interests_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE INDEX ix_interests_subscriber_id ON interests (subscriber_id);
CREATE TABLE learned_states (
	subscriber_id INTEGER NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	state BLOB NOT NULL, 
	CONSTRAINT pk_learned_states PRIMARY KEY (subscriber_id, fingerprint), 
	CONSTRAINT fk_learned_states_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE TABLE reader_groups (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_reader_groups PRIMARY KEY (id), 
	CONSTRAINT fk_reader_groups_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE, 
	CONSTRAINT uq_reader_groups_name UNIQUE (name), 
	CONSTRAINT uq_reader_groups_subscriber_id UNIQUE (subscriber_id)
);
CREATE TABLE memberships (
	group_id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	joined_at DATETIME NOT NULL, 
	CONSTRAINT pk_memberships PRIMARY KEY (group_id, subscriber_id), 
	CONSTRAINT fk_memberships_group_id_reader_groups FOREIGN KEY(group_id) REFERENCES reader_groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_memberships_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE INDEX ix_memberships_subscriber_id ON memberships (subscriber_id);
CREATE TABLE consents (
	id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	given_at DATETIME NOT NULL, 
	way VARCHAR NOT NULL, 
	origin TEXT NOT NULL, 
	word TEXT NOT NULL, 
	wording VARCHAR NOT NULL, 
	CONSTRAINT pk_consents PRIMARY KEY (id), 
	CONSTRAINT fk_consents_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
CREATE INDEX ix_consents_subscriber_id ON consents (subscriber_id);
INSERT INTO alembic_version (version_num) VALUES ('0010');
INSERT INTO sources (id, name, kind, url, created_at, last_checked_at, last_good_at, failures_in_row, last_verdict, last_error, next_try_at, incident_at, moved_to) VALUES (1, 'hf', 'huggingface', 'https://papers.example', '2026-08-01 06:30:00.000000', '2026-08-04 06:30:00.000000', '2026-08-04 06:30:00.000000', 0, 'fresh', NULL, NULL, NULL, NULL);
INSERT INTO sources (id, name, kind, url, created_at, last_checked_at, last_good_at, failures_in_row, last_verdict, last_error, next_try_at, incident_at, moved_to) VALUES (2, 'gone', 'feed', 'https://gone.example/feed', '2026-08-01 06:30:00.000000', '2026-08-04 06:30:00.000000', NULL, 7, 'unreachable', 'no answer', '2026-08-05 06:30:00.000000', '2026-08-03 06:30:00.000000', 'https://new.example/feed');
INSERT INTO papers (id, arxiv_id, doi, fingerprint, title, abstract, authors, authors_text, organisation, summary, keywords, categories, code_url, project_url, thumbnail_url, media_urls, published_on, first_seen_at, updated_at, url, venue, citations, version, withdrawn_at, text_by, summary_by) VALUES (1, '2608.00001', NULL, 'fp1', 'Naïve retrieval of long documents', 'We find it.', '["Ada Example", "Bo Sample"]', 'Ada Example, Bo Sample', NULL, NULL, '[]', '["cs.IR"]', NULL, NULL, NULL, '[]', '2026-08-02', '2026-08-03 06:30:00.000000', '2026-08-03 06:30:00.000000', NULL, NULL, NULL, NULL, NULL, 'huggingface', NULL);
INSERT INTO papers (id, arxiv_id, doi, fingerprint, title, abstract, authors, authors_text, organisation, summary, keywords, categories, code_url, project_url, thumbnail_url, media_urls, published_on, first_seen_at, updated_at, url, venue, citations, version, withdrawn_at, text_by, summary_by) VALUES (2, NULL, '10.1234/fold.2', 'fp2', 'Proteins — folded twice', 'We find it.', '["Ada Example", "Bo Sample"]', 'Ada Example, Bo Sample', NULL, NULL, '[]', '["cs.IR"]', NULL, NULL, NULL, '[]', '2026-08-02', '2026-08-03 06:30:00.000000', '2026-08-03 06:30:00.000000', 'https://journal.example/2', 'Journal of Folding', 3, 2, NULL, 'huggingface', NULL);
INSERT INTO papers (id, arxiv_id, doi, fingerprint, title, abstract, authors, authors_text, organisation, summary, keywords, categories, code_url, project_url, thumbnail_url, media_urls, published_on, first_seen_at, updated_at, url, venue, citations, version, withdrawn_at, text_by, summary_by) VALUES (3, NULL, NULL, 'fp3', 'No abstract at all', '', '["Ada Example", "Bo Sample"]', 'Ada Example, Bo Sample', NULL, NULL, '[]', '["cs.IR"]', NULL, NULL, NULL, '[]', '2026-08-02', '2026-08-03 06:30:00.000000', '2026-08-03 06:30:00.000000', NULL, NULL, NULL, NULL, NULL, 'huggingface', NULL);
INSERT INTO checks (id, source_id, day, checked_at, verdict, entries, declared, new, modified, unchanged, error, evidence, ids) VALUES (1, 1, '2026-08-03', '2026-08-03 06:30:00.000000', 'fresh', 3, 3, 3, 0, 0, NULL, '{"declared": 3, "parsed": 3}', 'abc');
INSERT INTO checks (id, source_id, day, checked_at, verdict, entries, declared, new, modified, unchanged, error, evidence, ids) VALUES (2, 2, '2026-08-03', '2026-08-03 06:30:00.000000', 'unreachable', 0, NULL, 0, 0, 0, 'no answer', '{}', NULL);
INSERT INTO pages (id, source_id, url, day, fetched_at, status, content_type, etag, last_modified, sha256, size, path, verdict, role, carry, headers, check_id) VALUES (1, 1, 'https://papers.example/2026-08-03', '2026-08-03', '2026-08-03 06:30:00.000000', 200, 'application/json', '"1"', NULL, 'abababababababababababababababababababababababababababababababab', 1234, 'ab/abab.gz', 'fresh', 'list', '[["p", "1"]]', '[["etag", "\"1\""]]', 1);
INSERT INTO entries (id, source_id, paper_id, listed_on, source_ref, position, votes, comments, stars, submitter, first_seen_at, seen_at, joined_by, confidence) VALUES (1, 1, 1, '2026-08-03', 'ref1', 1, 10, NULL, NULL, 'ada', '2026-08-03 06:30:00.000000', '2026-08-04 06:30:00.000000', NULL, NULL);
INSERT INTO entries (id, source_id, paper_id, listed_on, source_ref, position, votes, comments, stars, submitter, first_seen_at, seen_at, joined_by, confidence) VALUES (2, 1, 2, '2026-08-03', 'ref2', 2, 20, NULL, NULL, 'ada', '2026-08-03 06:30:00.000000', '2026-08-04 06:30:00.000000', NULL, NULL);
INSERT INTO entries (id, source_id, paper_id, listed_on, source_ref, position, votes, comments, stars, submitter, first_seen_at, seen_at, joined_by, confidence) VALUES (3, 1, 3, '2026-08-03', 'ref3', 3, 30, NULL, NULL, 'ada', '2026-08-03 06:30:00.000000', '2026-08-04 06:30:00.000000', NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (1, 1, 1, '2026-08-03 06:30:00.000000', 10, 1, NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (2, 1, 1, '2026-08-04 06:30:00.000000', 11, 1, NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (3, 2, 1, '2026-08-03 06:30:00.000000', 20, 2, NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (4, 2, 1, '2026-08-04 06:30:00.000000', 21, 2, NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (5, 3, 1, '2026-08-03 06:30:00.000000', 30, 3, NULL, NULL);
INSERT INTO observations (id, paper_id, source_id, observed_at, votes, position, comments, stars) VALUES (6, 3, 1, '2026-08-04 06:30:00.000000', 31, 3, NULL, NULL);
INSERT INTO subscribers (id, email, email_key, status, feed_token, token_version, paused_until, created_at, confirmed_at, left_from, learn_from, left_at) VALUES (1, 'ada@example.org', 'ada@example.org', 'active', 'token-1', 1, NULL, '2026-08-01 06:30:00.000000', '2026-08-01 06:30:00.000000', NULL, NULL, NULL);
INSERT INTO subscribers (id, email, email_key, status, feed_token, token_version, paused_until, created_at, confirmed_at, left_from, learn_from, left_at) VALUES (2, NULL, NULL, 'active', 'token-2', 1, NULL, '2026-08-01 06:30:00.000000', '2026-08-01 06:30:00.000000', NULL, NULL, NULL);
INSERT INTO subscribers (id, email, email_key, status, feed_token, token_version, paused_until, created_at, confirmed_at, left_from, learn_from, left_at) VALUES (3, 'cy@example.org', 'cy@example.org', 'unsubscribed', 'token-3', 1, NULL, '2026-08-01 06:30:00.000000', NULL, '{"status": "active", "paused_until": null, "suppressed": null}', NULL, '2026-08-04 06:30:00.000000');
INSERT INTO subscribers (id, email, email_key, status, feed_token, token_version, paused_until, created_at, confirmed_at, left_from, learn_from, left_at) VALUES (4, 'seminar@lists.example.org', 'seminar@lists.example.org', 'active', 'token-4', 1, NULL, '2026-08-01 06:30:00.000000', '2026-08-01 06:30:00.000000', NULL, NULL, NULL);
INSERT INTO subscriptions (id, subscriber_id, cadence, weekday, hour, zone, mail, feed, max_papers, trend_weight, created_at, hidden_sections, language) VALUES (1, 1, 'daily', 0, 7, 'Europe/Berlin', 1, 1, NULL, NULL, '2026-08-01 06:30:00.000000', '[]', NULL);
INSERT INTO subscriptions (id, subscriber_id, cadence, weekday, hour, zone, mail, feed, max_papers, trend_weight, created_at, hidden_sections, language) VALUES (2, 2, 'weekly', 2, 7, 'Europe/Berlin', 0, 1, NULL, NULL, '2026-08-01 06:30:00.000000', '["Rising"]', 'de');
INSERT INTO subscriptions (id, subscriber_id, cadence, weekday, hour, zone, mail, feed, max_papers, trend_weight, created_at, hidden_sections, language) VALUES (3, 3, 'daily', 0, 7, 'Europe/Berlin', 1, 1, NULL, NULL, '2026-08-01 06:30:00.000000', '[]', NULL);
INSERT INTO interests (id, subscriber_id, name, keywords, must_keywords, not_keywords, authors, categories, examples, created_at, about, only_examples, learn_from) VALUES (1, 1, 'retrieval', '["retrieval"]', '[]', '["cat"]', '["Bo Sample"]', '["cs.IR"]', '[{"paper_id": 2, "title": "Proteins — folded twice", "abstract": ""}]', '2026-08-01 06:30:00.000000', 'How long texts are found.', 0, NULL);
INSERT INTO feedback (id, subscriber_id, paper_id, kind, interest_id, created_at, note) VALUES (1, 1, 1, 'saved', 1, '2026-08-03 06:30:00.000000', 'read this');
INSERT INTO feedback (id, subscriber_id, paper_id, kind, interest_id, created_at, note) VALUES (2, 2, 2, 'less', NULL, '2026-08-03 06:30:00.000000', '');
INSERT INTO issues (id, subscription_id, local_date, status, subject, coverage, notice, reason, interests, zone, composed_at, expires_at) VALUES (1, 1, '2026-08-03', 'composed', 'Two papers of 3 August', 'hf was read.', NULL, NULL, '["retrieval"]', 'Europe/Berlin', '2026-08-03 05:00:00.000000', '2026-08-04 01:00:00.000000');
INSERT INTO issues (id, subscription_id, local_date, status, subject, coverage, notice, reason, interests, zone, composed_at, expires_at) VALUES (2, 1, '2026-08-04', 'composed', 'Two papers of 4 August', 'hf was read.', NULL, NULL, '["retrieval"]', 'Europe/Berlin', '2026-08-04 05:00:00.000000', '2026-08-05 01:00:00.000000');
INSERT INTO issues (id, subscription_id, local_date, status, subject, coverage, notice, reason, interests, zone, composed_at, expires_at) VALUES (3, 1, '2026-08-05', 'empty', '', 'hf was read.', NULL, 'nothing_new: Nothing new came.', '["retrieval"]', 'Europe/Berlin', '2026-08-05 05:00:00.000000', '2026-08-06 01:00:00.000000');
INSERT INTO issues (id, subscription_id, local_date, status, subject, coverage, notice, reason, interests, zone, composed_at, expires_at) VALUES (4, 2, '2026-08-05', 'skipped', '', 'hf was read.', NULL, 'paused: You were on holiday.', '["retrieval"]', 'Europe/Berlin', '2026-08-05 05:00:00.000000', '2026-08-06 01:00:00.000000');
INSERT INTO shown_papers (id, digest, shown) VALUES (1, 'digest1', '{"paper_id": 1, "title": "Naïve retrieval of long documents", "abstract": "We find it.", "authors": ["Ada Example"], "url": "https://arxiv.org/abs/2608.00001", "arxiv_id": "2608.00001", "votes": 10, "keywords": [], "listed_on": "2026-08-03", "first_seen_at": "2026-08-03T06:30:00+00:00", "votes_history": [["2026-08-03T06:30:00+00:00", 10]]}');
INSERT INTO shown_papers (id, digest, shown) VALUES (2, 'digest2', '{"paper_id": 2, "title": "Proteins — folded twice", "abstract": "We find it.", "authors": ["Ada Example"], "url": "https://arxiv.org/abs/2608.00002", "arxiv_id": "2608.00002", "votes": 20, "keywords": [], "listed_on": "2026-08-03", "first_seen_at": "2026-08-03T06:30:00+00:00", "votes_history": [["2026-08-03T06:30:00+00:00", 20]]}');
INSERT INTO recommendations (id, issue_id, paper_id, position, section, score, interest, interest_id, reasons, parts, shown_id) VALUES (1, 1, 1, 1, 'For you', 1.0, 'retrieval', 1, '[{"kind": "keyword", "text": "keyword “retrieval”", "facts": {"keyword": "retrieval"}}]', '{"taste": 0.5}', 1);
INSERT INTO recommendations (id, issue_id, paper_id, position, section, score, interest, interest_id, reasons, parts, shown_id) VALUES (2, 1, 2, 2, 'For you', 0.5, 'retrieval', 1, '[{"kind": "keyword", "text": "keyword “retrieval”", "facts": {"keyword": "retrieval"}}]', '{"taste": 0.5}', 2);
INSERT INTO recommendations (id, issue_id, paper_id, position, section, score, interest, interest_id, reasons, parts, shown_id) VALUES (3, 2, 2, 1, 'For you', 1.0, 'retrieval', 1, '[{"kind": "keyword", "text": "keyword “retrieval”", "facts": {"keyword": "retrieval"}}]', '{"taste": 0.5}', 2);
INSERT INTO letters (id, kind, recipient, key, subject, text, html, created_at, expires_at) VALUES (1, 'confirmation', 'dee@example.org', '00ff', 'Please confirm', 'Is it you?', '<p>Is it you?</p>', '2026-08-03 06:30:00.000000', '2026-08-04 06:30:00.000000');
INSERT INTO deliveries (id, issue_id, channel, recipient, message_id, status, attempts, may_have_arrived, planned_at, sending_at, sent_at, retry_at, reply, reason, letter_id, envelope_from, lease, data_at) VALUES (1, 1, 'mail', 'ada@example.org', '<1@example.org>', 'sent', 1, 0, '2026-08-03 05:00:00.000000', '2026-08-03 05:01:00.000000', '2026-08-03 05:01:00.000000', NULL, '250 ok', NULL, NULL, NULL, NULL, NULL);
INSERT INTO deliveries (id, issue_id, channel, recipient, message_id, status, attempts, may_have_arrived, planned_at, sending_at, sent_at, retry_at, reply, reason, letter_id, envelope_from, lease, data_at) VALUES (2, 2, 'mail', 'ada@example.org', '<2@example.org>', 'sending', 1, 0, '2026-08-03 05:00:00.000000', '2026-08-04 05:01:00.000000', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO deliveries (id, issue_id, channel, recipient, message_id, status, attempts, may_have_arrived, planned_at, sending_at, sent_at, retry_at, reply, reason, letter_id, envelope_from, lease, data_at) VALUES (3, NULL, 'mail', 'dee@example.org', '<3@example.org>', 'planned', 0, 0, '2026-08-03 05:00:00.000000', NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO bounces (id, digest, delivery_id, subscriber_id, kind, code, diagnostic, received_at) VALUES (1, 'b1', 1, 1, 'soft', '4.2.2', 'mailbox full', '2026-08-03 06:30:00.000000');
INSERT INTO suppressions (id, email_key, reason, detail, created_at) VALUES (1, 'cy@example.org', 'unsubscribed', 'by its link', '2026-08-04 06:30:00.000000');
INSERT INTO domain_pace (domain, failures, not_before, updated_at) VALUES ('slow.example', 2, '2026-08-05 06:30:00.000000', '2026-08-04 06:30:00.000000');
INSERT INTO runs (id, use_case, started_at, finished_at, ok, outcome) VALUES (1, 'refresh', '2026-08-03 06:30:00.000000', '2026-08-03 06:31:00.000000', 1, '{"new": 3}');
INSERT INTO runs (id, use_case, started_at, finished_at, ok, outcome) VALUES (2, 'deliver', '2026-08-04 06:30:00.000000', NULL, NULL, '{}');
INSERT INTO paper_ids (id, paper_id, kind, value) VALUES (1, 2, 'pmid', '31452104');
INSERT INTO paper_versions (id, paper_id, version, title, abstract, text_by, seen_at) VALUES (1, 1, 1, 'Naive retrieval', 'We look.', 'arxiv', '2026-08-03 06:30:00.000000');
INSERT INTO paper_joins (id, paper_id, gone_id, reason, confidence, joined_at) VALUES (1, 1, 7, 'the same arXiv id', 1.0, '2026-08-03 06:30:00.000000');
INSERT INTO paper_splits (id, paper_id, other_id, split_at) VALUES (1, 1, 3, '2026-08-03 06:30:00.000000');
INSERT INTO robots (origin, status, body, fetched_at) VALUES ('https://papers.example', 200, 'User-agent: *
Allow: /
', '2026-08-03 06:30:00.000000');
INSERT INTO enrichments (id, paper_id, enricher, outcome, attempts, asked_at, next_try_at, cost, error) VALUES (1, 1, 'summaries', 'failed', 1, '2026-08-03 06:30:00.000000', '2026-08-04 06:30:00.000000', 0.5, 'no answer');
INSERT INTO sign_ups (id, email, email_key, asked_on, kind, nonce, token_hash, wishes, asked_at, expires_at, confirmed_at, origin) VALUES (1, 'dee@example.org', 'dee@example.org', '2026-08-03', 'confirmation', '00ff', 'ff00', '{"interests": []}', '2026-08-03 06:30:00.000000', '2026-08-05 06:30:00.000000', NULL, '');
INSERT INTO learned_states (subscriber_id, fingerprint, state) VALUES (1, 'fp', X'00017374617465');
INSERT INTO reader_groups (id, name, subscriber_id, created_at) VALUES (1, 'Seminar', 4, '2026-08-03 06:30:00.000000');
INSERT INTO memberships (group_id, subscriber_id, joined_at) VALUES (1, 1, '2026-08-03 06:30:00.000000');
INSERT INTO consents (id, subscriber_id, given_at, way, origin, word, wording) VALUES (1, 1, '2026-08-01 06:30:00.000000', 'web', '192.0.2.0/24', '', '1');
INSERT INTO consents (id, subscriber_id, given_at, way, origin, word, wording) VALUES (2, 3, '2026-08-01 06:30:00.000000', 'import', 'readers.csv', 'asked at the seminar', '');
UPDATE sqlite_sequence SET seq = 9 WHERE name = 'subscribers';
