-- Who made the API key that asked for an import; none when a person did.
alter table import_job add column key_made_by uuid;
