//! The words of SQL that matter, each list in order.

/// What joins two conditions.
pub(super) const JOINING: &[&str] = &["and", "or", "xor"];

/// What compares two values.
pub(super) const COMPARING: &[&str] =
    &["between", "glob", "in", "is", "like", "not", "regexp", "rlike", "sounds"];

/// Words that are values.
pub(super) const VALUES: &[&str] = &["false", "null", "true"];

/// What may stand between SELECT and its columns.
pub(super) const QUANTITIES: &[&str] =
    &["all", "binary", "distinct", "distinctrow", "sql_calc_found_rows", "straight_join", "top"];

/// What a condition follows.
pub(super) const FILTERS: &[&str] = &["having", "on", "rlike", "when", "where"];

/// What a statement goes on with after its tables.
pub(super) const CLAUSES: &[&str] =
    &["as", "group", "having", "into", "limit", "order", "procedure", "union", "where"];

/// What begins a statement.
pub(super) const STATEMENTS: &[&str] = &[
    "alter", "attach", "begin", "call", "copy", "create", "declare", "delete", "do", "drop",
    "exec", "execute", "grant", "if", "iif", "insert", "into", "load", "merge", "replace",
    "select", "set", "shutdown", "truncate", "union", "update", "use", "waitfor",
];

/// What a statement may be about.
pub(super) const THINGS: &[&str] = &[
    "database",
    "from",
    "function",
    "index",
    "into",
    "login",
    "or",
    "procedure",
    "role",
    "schema",
    "table",
    "trigger",
    "user",
    "view",
];

/// Schemas and tables of the databases themselves.
pub(super) const SYSTEM: &[&str] = &[
    "all_tab_columns",
    "all_tab_tables",
    "all_tables",
    "all_users",
    "ctxsys",
    "dba_users",
    "dbms_java",
    "dbms_ldap",
    "dbms_lock",
    "dbms_pipe",
    "dbms_utility",
    "dbms_xmlgen",
    "information_schema",
    "master",
    "msysaccessobjects",
    "msysobjects",
    "mysql",
    "opendatasource",
    "openrowset",
    "pg_catalog",
    "pg_class",
    "pg_database",
    "pg_shadow",
    "pg_tables",
    "pg_user",
    "rdb$collations",
    "rdb$database",
    "rdb$fields",
    "rdb$functions",
    "rdb$relations",
    "rdb$types",
    "sp_executesql",
    "sp_oacreate",
    "sqlite_master",
    "sqlite_schema",
    "syscolumns",
    "sysdatabases",
    "sysibm",
    "sysmaster",
    "sysobjects",
    "sysusers",
    "user_lock",
    "user_tab_columns",
    "user_tables",
    "utl_http",
    "utl_inaddr",
    "xp_cmdshell",
    "xp_dirtree",
    "xp_regread",
];

/// Functions that wait, read files, run programs or carry an answer out.
pub(super) const DANGEROUS: &[&str] = &[
    "aes_decrypt",
    "aes_encrypt",
    "benchmark",
    "concat_ws",
    "crypt_key",
    "database_to_xml",
    "dbms_pipe.receive_message",
    "elt",
    "extractvalue",
    "fn_varbintohexstr",
    "generate_series",
    "get_lock",
    "group_concat",
    "ifnull",
    "iif",
    "json_keys",
    "lo_import",
    "load_extension",
    "load_file",
    "make_set",
    "name_const",
    "opendatasource",
    "openrowset",
    "pg_read_file",
    "pg_sleep",
    "query_to_xml",
    "randomblob",
    "regexp_substring",
    "sleep",
    "sqlite_version",
    "sys_context",
    "unhex",
    "updatexml",
    "utl_inaddr.get_host_address",
    "xmltype",
    "xp_cmdshell",
];

/// Functions that a text may name too, and that count only where a value is expected.
pub(super) const FUNCTIONS: &[&str] = &[
    "ascii",
    "avg",
    "bin",
    "cast",
    "ceil",
    "char",
    "char_length",
    "chr",
    "coalesce",
    "compress",
    "concat",
    "conv",
    "convert",
    "count",
    "current_user",
    "database",
    "day",
    "db_name",
    "decode",
    "encode",
    "exists",
    "exp",
    "field",
    "floor",
    "format",
    "hash",
    "hex",
    "host_name",
    "if",
    "ifnull",
    "iif",
    "insert",
    "instr",
    "isnull",
    "last_insert_id",
    "lcase",
    "least",
    "left",
    "len",
    "length",
    "like",
    "locate",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "md5",
    "mid",
    "min",
    "mod",
    "now",
    "nullif",
    "nvl",
    "object_id",
    "oct",
    "ord",
    "password",
    "pi",
    "pow",
    "quote",
    "rand",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row",
    "rpad",
    "rtrim",
    "schema",
    "select",
    "session_user",
    "sha",
    "sha1",
    "sin",
    "strcmp",
    "substr",
    "substring",
    "sum",
    "suser_name",
    "system_user",
    "tan",
    "to_char",
    "trim",
    "ucase",
    "upper",
    "user",
    "username",
    "uuid",
    "version",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_in_order() {
        let lists = [
            JOINING, COMPARING, VALUES, QUANTITIES, FILTERS, CLAUSES, STATEMENTS, THINGS, SYSTEM,
            DANGEROUS, FUNCTIONS,
        ];
        for list in lists {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
