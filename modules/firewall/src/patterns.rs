//! What can be told by a pattern: markup, scripts, paths, commands, code. The table is compiled into
//! one automaton, so that a text is read once whatever the number of patterns.

use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::FirewallError;
use crate::rules::Rule;

/// What calls into the page. What is a word of a shop too has its parenthesis directly behind it.
const SINKS: &str = r"(?:(?:alert|eval|settimeout|setinterval|setimmediate|execscript|atob)\)?\s*[`(]|(?:confirm|prompt|fetch|import|function|expression|print|write(?:ln)?)\)?[`(])";
/// The same in front of something else.
const CALLED: &str = r"(?:alert|confirm|prompt|eval|settimeout|setinterval|setimmediate|execscript|atob|fetch|import|function|expression|print|write(?:ln)?)";
/// Programs that come with a system, as a command line begins with them.
const PROGRAMS: &str = r"(?:id|ls|dir|cat|whoami|uname|pwd|ping|wget|curl|nc|ncat|netcat|bash|sh|zsh|ksh|python[23]?|perl|ruby|php|sleep|echo|getent|nslookup|host|ifconfig|ipconfig|netstat|rm|cp|mv|chmod|chown|touch|type|net|more|less|head|tail|grep|find|env|ps|kill|powershell|cmd|ver|systeminfo|tftp|telnet|ssh|xterm)";

/// The patterns over folded text, and the rule that each is for.
fn table() -> Vec<(Rule, String)> {
    let fixed = [
        (
            Rule::XssElement,
            r"<[\s/%]*(?:[a-z0-9]+:)?(?:script|iframe|frame|frameset|object|embed|applet|svg|math|style|link|meta|base|body|html|head|form|layer|ilayer|xml|xss|isindex|bgsound|import|template|noscript|marquee|portal|animate|set|foreignobject|stylesheet|handler|listener|vmlframe|event-source|keygen|plaintext|xmp|textarea|comment|noembed)(?:[\s/>&\x00-\x1f+.;\\'`]|<|$)",
        ),
        (Rule::XssElement, r"[\[<]\w?[\]<]?/?script\W"),
        (Rule::XssHandler, r"<[a-z!?/%][^>]*[^a-z0-9_-]on[a-z]{3,24}[\s\x00-\x1f]*="),
        (
            Rule::XssHandler,
            r#"["'`>][^<>]{0,200}?[\s/"'`+;\x00-\x1f]?\bon[a-z]{4,24}[\s\x00-\x1f]*=[\s"'`]*[a-z(/\[{!\\$_]"#,
        ),
        (
            Rule::XssHandler,
            r"(?:^|[\s/+])on(?:error|load|click|focus|blur|mouse[a-z]+|key[a-z]+|pointer[a-z]+|touch[a-z]+|toggle|begin|end|animation[a-z]+|transition[a-z]+|submit|change|input|wheel|scroll|drag[a-z]*|copy|cut|paste)\s*=\s*\S",
        ),
        (
            Rule::XssAttribute,
            r"<(?:a|abbr|area|audio|b|bdo|blink|br|button|canvas|center|cite|col|colgroup|dd|del|details|dialog|dir|div|dl|dt|em|fieldset|font|footer|h[1-6]|header|hr|i|image|img|input|ins|isindex|kbd|label|legend|li|main|map|menu|nav|ol|optgroup|option|p|param|picture|pre|q|s|section|select|slot|small|source|span|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr|x|xsl|[a-z]+[:-][a-z-]+)[\s/+\x00-\x1f][^<>]*(?:src|href|style|action|formaction|background|data|datasrc|datafld|dynsrc|lowsrc|poster|srcset|srcdoc|to|values|from|folder|code|codebase|xmlns|type|content|filter|id|class|contenteditable|value|width|repeat-start|size|name|title|alt|lang|rel|target|charset|implementation|attributename|allowscriptaccess)[\s\x00-\x1f]*=",
        ),
        (
            Rule::XssAttribute,
            r"(?:style|filter|background(?:-image)?|behaviou?r|binding|list-style-image)\s*[=:][^;]{0,200}(?:expr\S*ession|javascript|behaviou?r\s*:|-moz-binding|url\s*\(\s*['\x22]?\s*(?:javascript|data|vbscript))",
        ),
        (
            Rule::XssAttribute,
            r"@import\s*['\x22]?(?:url|\\|http|//|javascript|data)|-moz-binding|-o-link(?:-source)?\s*:",
        ),
        (
            Rule::XssScheme,
            r"(?:^|[^a-z0-9])(?:j[\s\x00-\x1f\\/*]*a[\s\x00-\x1f\\/*]*v[\s\x00-\x1f\\/*]*a|v[\s\x00-\x1f]*b|live|ecma)[\s\x00-\x1f\\/*]*(?:s[\s\x00-\x1f\\/*]*c[\s\x00-\x1f\\/*]*r[\s\x00-\x1f\\/*]*i[\s\x00-\x1f\\/*]*p[\s\x00-\x1f\\/*]*t)[\s\x00-\x1f]*:[^\s:]|\bmocha:[^\s:]",
        ),
        (
            Rule::XssScheme,
            r"data\s*:\s*(?:text/(?:html|xml|javascript|ecmascript|x-)|image/svg|application/(?:x-?html|xml|javascript|x-javascript))",
        ),
        (Rule::XssScheme, r"feed:(?:javascript|data|//)|view-source:|jar:http|mhtml:|res://"),
        (
            Rule::XssScript,
            r"\b(?:document|window|self|top|parent|this|frames|globalthis|location)\s*(?:\.\s*(?:cookie|location|domain|write(?:ln)?|body|url|referrer|forms|createelement|getelement|documentelement|name|open|parent|onerror|defaultview|localstorage|sessionstorage|href|hash|constructor|alert|eval|document)\b|\[\s*['\x22/\w+]+[^\]]{0,80}\]\s*[(\[=;])",
        ),
        (
            Rule::XssScript,
            r"\b(?:string\s*\.\s*fromcharcode|\w\.innerhtml|\w\.outerhtml|xmlhttprequest|activexobject|localstorage\.|sessionstorage\.|\.constructor\s*[(.\[]|constructor\.constructor|insertadjacenthtml|__proto__|prototype\s*\[|\.source\s*\))",
        ),
        (
            Rule::Markup,
            r"<!\s*(?:entity|doctype|\[cdata|element|attlist|\[if)|<!--\s*#\s*(?:exec|include|echo|config|printenv)|<\?(?:xml|php|=|import|\s*echo)|\bxmlns(?::\w+)?\s*=",
        ),
        (Rule::Markup, r"<!--[^>]*(?:--!?>|<|\[if)|<!\w+[^>]*<|<[?!%][^>]*>\s*<|\]\]>"),
        (
            Rule::Traversal,
            r"(?:^|[/\\:=;?&\s'\x22,]|0x2f|0x5c)(?:\.{2,}|(?:0x2e){2,}|\.%00\.)(?:[/\\]|0x2f|0x5c|\.?[/\\])+(?:\.|[^\s]|$)|\.\.(?:0x2f|0x5c)",
        ),
        (
            Rule::Traversal,
            r"(?:^|[/\\])\.{1,2}[/\\]+\.{1,}[/\\]|(?:\./){3,}|/\.{3,}[{/\\]|/{3,}\.|/a{64,}",
        ),
        (
            Rule::Traversal,
            r"/(?:etc|proc)/+(?:\./)*(?:passwd|shadow|group|hosts|hostname|issue|self|version|cpuinfo|motd|ssh|mysql|apache2?|nginx|httpd|crontab|environ|fstab|resolv|init\.d)\b|(?:^|[^a-z])/(?:var/(?:log|www|mail|lib)|root/\.|home/[^/\s]+/\.|boot/grub|usr/local/(?:etc|apache)|dev/(?:tcp|udp|null|random|urandom|zero))/?",
        ),
        (
            Rule::Traversal,
            r"(?:\bc:|\bd:|\\)[\\/]+(?:windows|winnt|boot\.ini|inetpub|users|program files|autoexec\.bat|system32|documents and settings)|\\\\[^\\\s]+\\[a-z]\$|\b(?:boot\.ini|win\.ini|web\.config|global\.asax?|web-inf|meta-inf|wp-config\.php|\.htaccess|\.htpasswd|ntuser\.dat)\b|/\.(?:git|svn|env|ssh|aws|bash_history)\b",
        ),
        (
            Rule::Command,
            r"/(?:usr/(?:local/)?)?s?bin/[a-z]|\b(?:cmd|powershell|command)(?:\.exe|\.com)\b|\bcmd\s*/c\b|\$\{?ifs\b|\$\([^)]*[a-z/][^)]*\)|/dev/tcp/|\bchmod\s+[0-7+]|<\([a-z]+\s",
        ),
        (
            Rule::Code,
            r"\$\{[^}]*[:.(*][^}]*\}?|\{\{[^}]*[*(\[|+'\x22][^}]*\}\}|#\{[^}]*[*.(][^}]*\}|<%[=@]?[^%]*%>|\$\{?jndi:|\b(?:java\.lang\.|javax?\.(?:util|io|script)\.|getruntime\(|processbuilder|classloader|freemarker|ognl|struts)",
        ),
        (
            Rule::Code,
            r"\b(?:system|passthru|shell_exec|proc_open|popen|pcntl_exec|phpinfo|base64_decode|assert|call_user_func|create_function|file_get_contents|fsockopen|gzinflate|str_rot13|child_process|require|__import__|os\.system|subprocess)[.(]\s*(?:['\x22$\[)]|\w+[.(])|\b(?:var|let|const)\s+\w+\s*=\s*new\s+\w+\(|\bdb\.\w+\.(?:insert|find|drop|remove|update|aggregate)\w*\(|while\s*\([^)]*\)\s*[;{]|process\.(?:env|exit|mainmodule|binding)|o:\d+:\x22",
        ),
        (
            Rule::NoSql,
            r#"(?:^|[\[{,\s'"])\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|or|and|nor|not|elemmatch|expr|function|size|type|all|mod)\b['"\]\s]*(?:[:=\]]|$)"#,
        ),
        (
            Rule::Ldap,
            r"\*\s*\)?\(\s*[|&!]?\s*\(?\w+\s*[~<>]?=|\)\(\s*[|&!]\(|\(\s*[|&!]\s*\(\s*\w+\s*[~<>]?=|\*\)\(\w+=\*|\)\s*\(\w+=[^)]*\*",
        ),
        (
            Rule::LineBreak,
            r"[\r\n]\s*(?:(?:set-cookie|location|content-(?:type|length)|transfer-encoding|host|rcpt to|mail from|bcc|refresh|x-[a-z-]+)\s*:\s*[<\w]+[=:\s/@;]|cc\s*:\s*\S+@|http/\d)|\xe5\x98[\x8a\x8d]",
        ),
    ];
    let mut table: Vec<(Rule, String)> =
        fixed.into_iter().map(|(rule, pattern)| (rule, pattern.to_owned())).collect();
    table.extend([
        (Rule::XssScript, format!(r"(?:^|[^a-z0-9_ .])\(?\s*{SINKS}[^\s]")),
        (Rule::XssScript, format!(r"[=,;:({{\[]\s*\(?(?:{SINKS}|{CALLED}\)?\s*(?:\.(?:call|apply|bind)|&\w+;))")),
        (Rule::XssScript, format!(r"\b{CALLED}\.(?:call|apply|bind)\s*\(")),
        (Rule::Command, format!(r"(?:[;|`\n]|&&|\|\||\$\()[\s+'\x22]*{PROGRAMS}\s*(?:$|[;|&`')]|\s[-+/$.'\x22|][\S]|\s\w+[:/.]\S)")),
        (Rule::Command, format!(r"(?:^|[;|&])\s*[`|&;][\s+]*{PROGRAMS}\s*(?:$|[;|&`'])")),
        (Rule::Command, format!(r"\b{PROGRAMS}\$(?:ifs|\{{|@|[0-9])")),
        (Rule::Command, r"(?:^|[;|&\s'])ping\s+-[nci]\s*\d|\b(?:cat|more|type)\s+/?(?:et|\./|/)|\b(?:wget|curl)\s+(?:-\S+\s+)*https?://".to_owned()),
    ]);
    table
}

/// The patterns as one automaton.
#[derive(Debug)]
pub(crate) struct Patterns {
    set: RegexSet,
    rules: Vec<Rule>,
}

impl Patterns {
    /// Compiles the table.
    pub(crate) fn new() -> Result<Self, FirewallError> {
        let (rules, patterns): (Vec<_>, Vec<_>) = table().into_iter().unzip();
        let set = RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(32 << 20)
            .dfa_size_limit(8 << 20)
            .build()?;
        Ok(Self { set, rules })
    }

    /// Adds the rules that a folded text breaks.
    pub(crate) fn detect(&self, text: &[u8], found: &mut Vec<Rule>) {
        if !self.set.is_match(text) {
            return;
        }
        for index in self.set.matches(text) {
            let rule = self.rules[index];
            if !found.contains(&rule) {
                found.push(rule);
            }
        }
    }
}
