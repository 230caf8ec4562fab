-- Uploaded images. Their files are in the media folder, under the id.
create table image (
    id         uuid        primary key,
    -- SHA-256 of the upload: the same image twice is one.
    sha256     text        not null unique check (length(sha256) = 64),
    kind       text        not null check (kind in ('jpeg', 'png', 'webp', 'gif')),
    width      bigint      not null check (width > 0),
    height     bigint      not null check (height > 0),
    bytes      bigint      not null check (bytes > 0),
    alt        text        not null check (length(alt) <= 500),
    version    bigint      not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    variants   jsonb       not null
);

-- Which products name an uploaded image: one that is named is not deleted.
create table product_image (
    sha256     text not null check (length(sha256) = 64),
    product_id uuid not null references product (id),
    primary key (sha256, product_id)
);
create index product_image_product on product_image (product_id);

-- Imports that were asked for over the API. Their files are in the folder of one node.
create table import_job (
    id          uuid        primary key,
    format      text        not null check (format in ('jsonl', 'csv')),
    dry_run     boolean     not null,
    status      text        not null check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    actor       uuid,
    address     text,
    bytes_total bigint      not null check (bytes_total >= 0),
    bytes       bigint      not null default 0 check (bytes >= 0),
    records     bigint      not null default 0 check (records >= 0),
    created     bigint      not null default 0,
    updated     bigint      not null default 0,
    unchanged   bigint      not null default 0,
    failed      bigint      not null default 0,
    -- Why it failed, for people.
    detail      text,
    created_at  timestamptz not null,
    started_at  timestamptz,
    ended_at    timestamptz
);
-- Those that are not over, the oldest first.
create index import_job_open on import_job (id) where status in ('queued', 'running');

-- How long the file of errors was when the records before the mark were committed: what is behind
-- that was written by a batch that never was.
alter table import_progress add column error_bytes bigint not null default 0;
