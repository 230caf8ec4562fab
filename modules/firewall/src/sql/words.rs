//! The words of SQL that matter.

use std::sync::LazyLock;

/// The lists that a word is in, which is asked of every word once and for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lists(u16);

/// What joins two conditions.
pub(super) const JOINING: Lists = Lists(1 << 0);
/// What compares two values.
pub(super) const COMPARING: Lists = Lists(1 << 1);
/// Words that are values.
pub(super) const VALUES: Lists = Lists(1 << 2);
/// What may stand between SELECT and its columns.
pub(super) const QUANTITIES: Lists = Lists(1 << 3);
/// What a condition follows.
pub(super) const FILTERS: Lists = Lists(1 << 4);
/// What a statement goes on with after its tables.
pub(super) const CLAUSES: Lists = Lists(1 << 5);
/// What begins a statement.
pub(super) const STATEMENTS: Lists = Lists(1 << 6);
/// What a statement may be about.
pub(super) const THINGS: Lists = Lists(1 << 7);
/// Schemas and tables of the databases themselves.
pub(super) const SYSTEM: Lists = Lists(1 << 8);
/// Functions that wait, read files, run programs or carry an answer out.
pub(super) const DANGEROUS: Lists = Lists(1 << 9);
/// Functions that a text may name too, and that count only where a value is expected.
pub(super) const FUNCTIONS: Lists = Lists(1 << 10);
/// Operators that only SQL writes as words.
pub(super) const OPERATING: Lists = Lists(1 << 11);
/// Words whose part before the first point is in [`SYSTEM`].
pub(super) const SCHEMA: Lists = Lists(1 << 12);

impl Lists {
    /// Whether the word is in one of these lists too.
    pub(super) fn meets(self, lists: Self) -> bool {
        self.0 & lists.0 != 0
    }

    /// Whether the word is in none.
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// The lists of a word in lower case.
pub(super) fn lists(word: &[u8]) -> Lists {
    let own = TABLE.lists(word);
    let point = word.iter().position(|byte| *byte == b'.');
    let schema = point.map_or(own, |point| TABLE.lists(&word[..point]));
    Lists(own.0 | if schema.meets(SYSTEM) { SCHEMA.0 } else { 0 })
}

/// Whether a text has a word of SQL at all, or a mark that stands for one. What begins with a number
/// may go on as a word.
pub(super) fn any(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.');
    let joins = |mark: u8| text.contains(&mark) && text.windows(2).any(|pair| pair == [mark; 2]);
    joins(b'&')
        || joins(b'|')
        || text.split(|byte| !is_part(byte) && *byte < 0x80).any(|word| {
            let numbers = word.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.'));
            match numbers.count() {
                0 => !lists(word).is_none(),
                count => count < word.len(),
            }
        })
}

/// The words by length and first letter, so that most others are known for none at once.
struct Table(Vec<Vec<(&'static [u8], Lists)>>);

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

const LONGEST: usize = 27;
const LETTERS: usize = 26;

impl Table {
    fn new() -> Self {
        let mut table = Self(vec![Vec::new(); (LONGEST + 1) * LETTERS]);
        for (list, words) in WORDS {
            for word in words.iter().map(|word| word.as_bytes()) {
                let Some(bucket) = place(word).and_then(|at| table.0.get_mut(at)) else { continue };
                match bucket.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, lists)) => lists.0 |= list.0,
                    None => bucket.push((word, list)),
                }
            }
        }
        table
    }

    fn lists(&self, word: &[u8]) -> Lists {
        let bucket = place(word).and_then(|at| self.0.get(at));
        let found = bucket.and_then(|bucket| bucket.iter().find(|(known, _)| *known == word));
        found.map(|(_, lists)| *lists).unwrap_or_default()
    }
}

fn place(word: &[u8]) -> Option<usize> {
    let first = word.first().filter(|first| first.is_ascii_lowercase())?;
    (word.len() <= LONGEST).then(|| word.len() * LETTERS + usize::from(first - b'a'))
}

const WORDS: [(Lists, &[&str]); 12] = [
    (JOINING, &["and", "or", "xor"]),
    (COMPARING, &["between", "glob", "in", "is", "like", "not", "regexp", "rlike", "sounds"]),
    (VALUES, &["false", "null", "true"]),
    (
        QUANTITIES,
        &[
            "all",
            "binary",
            "distinct",
            "distinctrow",
            "sql_calc_found_rows",
            "straight_join",
            "top",
        ],
    ),
    (FILTERS, &["having", "on", "rlike", "when", "where"]),
    (CLAUSES, &["as", "group", "having", "into", "limit", "order", "procedure", "union", "where"]),
    (
        STATEMENTS,
        &[
            "alter", "attach", "begin", "call", "copy", "create", "declare", "delete", "do",
            "drop", "exec", "execute", "grant", "if", "iif", "insert", "into", "load", "merge",
            "replace", "select", "set", "shutdown", "truncate", "union", "update", "use",
            "waitfor",
        ],
    ),
    (
        THINGS,
        &[
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
        ],
    ),
    (
        SYSTEM,
        &[
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
        ],
    ),
    (
        DANGEROUS,
        &[
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
        ],
    ),
    (
        FUNCTIONS,
        &[
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
        ],
    ),
    (OPERATING, &["case", "div"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_its_lists() {
        for (list, words) in WORDS {
            for word in words {
                assert!(lists(word.as_bytes()).meets(list), "{word}");
            }
        }
        assert!(lists(b"information_schema.tables").meets(SCHEMA));
        assert!(lists(b"table.information_schema").is_none());
        assert!(lists(b"lamp").is_none());
    }
}
