//! The filter language: comparisons joined by AND, a subset of AIP-160.
//!
//! Fed by the list methods with text; feeds [`super::conditions`] with comparisons
//! whose meaning depends on the list. Guarantees an answer for any text, and
//! that an error says where it lies.
//!
//! ```text
//! filter     = [ term { "AND" term } ]
//! term       = [ "NOT" | "-" ] comparison
//! comparison = field operator value
//! field      = word [ "." ( word { "." word } | string ) ]
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//! value      = string | bare | "*"
//! string     = '"' { any character, with \" and \\ for these two } '"'
//! ```

/// Longest filter, in bytes. As long as a content filter may be.
pub const MAX_FILTER_BYTES: usize = 2048;

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `:` tests a text for a part and a map for a key; with `*`, that there is a
    /// value.
    Has,
    /// `:` negated.
    HasNot,
}

impl FilterOperator {
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
            Self::HasNot => "NOT :",
        }
    }

    /// The operator of a negated comparison.
    const fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Has => Self::HasNot,
            Self::HasNot => Self::Has,
        }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterComparison {
    pub field: String,
    /// What follows the field's first dot: a key of a map.
    pub key: Option<String>,
    /// Already negated if NOT stood before it.
    pub operator: FilterOperator,
    pub value: String,
    /// Whether the value is an unquoted `*`, which stands for any value.
    pub anything: bool,
    /// Byte offset of the comparison.
    pub at: usize,
    /// Byte offset of the value.
    pub value_at: usize,
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {problem}")]
pub struct FilterSyntaxError {
    pub at: usize,
    pub problem: String,
}

/// Reads a filter.
pub fn parse(text: &str) -> Result<Vec<FilterComparison>, FilterSyntaxError> {
    if text.len() > MAX_FILTER_BYTES {
        let problem = format!("a filter has at most {MAX_FILTER_BYTES} bytes");
        return Err(FilterSyntaxError { at: MAX_FILTER_BYTES, problem });
    }
    if let Some(at) = text.find('\0') {
        let problem = "a filter cannot contain NUL characters".to_owned();
        return Err(FilterSyntaxError { at, problem });
    }
    let mut reader = FilterReader { text, at: 0 };
    let mut found = Vec::new();
    reader.skip_space();
    if reader.rest().is_empty() {
        return Ok(found);
    }
    loop {
        found.push(reader.term()?);
        reader.skip_space();
        if reader.rest().is_empty() {
            return Ok(found);
        }
        reader.and()?;
    }
}

struct FilterReader<'a> {
    text: &'a str,
    /// Always on a character boundary.
    at: usize,
}

/// Characters of a field name or key.
const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Characters of an unquoted value.
const fn is_bare(c: char) -> bool {
    is_word(c) || matches!(c, '.' | '/' | '+')
}

impl<'a> FilterReader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error<T>(&self, problem: impl Into<String>) -> Result<T, FilterSyntaxError> {
        Err(FilterSyntaxError { at: self.at, problem: problem.into() })
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is(c)).unwrap_or(rest.len());
        let (taken, _) = rest.split_at_checked(end).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    fn take(&mut self, symbol: &str) -> bool {
        let taken = self.rest().starts_with(symbol);
        if taken {
            self.at += symbol.len();
        }
        taken
    }

    fn and(&mut self) -> Result<(), FilterSyntaxError> {
        let start = self.at;
        let word = self.take_while(is_word);
        if word == "AND" && self.rest().starts_with(char::is_whitespace) {
            self.skip_space();
            return Ok(());
        }
        self.at = start;
        self.error("comparisons are joined by AND; there is no OR or parenthesis")
    }

    fn term(&mut self) -> Result<FilterComparison, FilterSyntaxError> {
        let start = self.at;
        let not = self.take("-") || {
            let word = self.take_while(is_word);
            word == "NOT" && self.rest().starts_with(char::is_whitespace)
        };
        if !not {
            self.at = start;
            return self.comparison();
        }
        self.skip_space();
        let comparison = self.comparison()?;
        Ok(FilterComparison { operator: comparison.operator.negated(), ..comparison })
    }

    fn comparison(&mut self) -> Result<FilterComparison, FilterSyntaxError> {
        let at = self.at;
        let field = self.take_while(is_word).to_owned();
        if field.is_empty() {
            return self.error("expected the name of a field");
        }
        let key = if self.take(".") { Some(self.key()?) } else { None };
        self.skip_space();
        let operator = self.operator()?;
        self.skip_space();
        let value_at = self.at;
        let anything = operator == FilterOperator::Has && self.take("*");
        let value = if anything { "*".to_owned() } else { self.value()? };
        Ok(FilterComparison { field, key, operator, value, anything, at, value_at })
    }

    fn key(&mut self) -> Result<String, FilterSyntaxError> {
        if self.rest().starts_with('"') {
            return self.string();
        }
        match self.take_while(|c| is_word(c) || c == '.') {
            "" => self.error("expected a key after the dot"),
            key => Ok(key.to_owned()),
        }
    }

    fn operator(&mut self) -> Result<FilterOperator, FilterSyntaxError> {
        // Longer operators first.
        let all = [
            FilterOperator::NotEqual,
            FilterOperator::LessOrEqual,
            FilterOperator::GreaterOrEqual,
            FilterOperator::Equal,
            FilterOperator::Less,
            FilterOperator::Greater,
            FilterOperator::Has,
        ];
        match all.into_iter().find(|operator| self.take(operator.symbol())) {
            Some(operator) => Ok(operator),
            None => self.error("expected one of = != < <= > >= :"),
        }
    }

    fn value(&mut self) -> Result<String, FilterSyntaxError> {
        if self.rest().starts_with('"') {
            return self.string();
        }
        match self.take_while(is_bare) {
            "" => self.error("expected a value; put texts in double quotes"),
            bare => Ok(bare.to_owned()),
        }
    }

    fn string(&mut self) -> Result<String, FilterSyntaxError> {
        let start = self.at;
        let mut value = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, '"') => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                (false, c) | (true, c @ ('"' | '\\')) => {
                    value.push(c);
                    escaped = false;
                }
                (true, _) => {
                    self.at += offset;
                    return self.error("only \\\" and \\\\ may follow a backslash");
                }
            }
        }
        Err(FilterSyntaxError { at: start, problem: "the text has no closing quote".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> FilterComparison {
        let mut all = parse(text).unwrap();
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn comparisons_are_read() {
        assert_eq!(parse("  "), Ok(Vec::new()));
        let read = one(r#"display_name:"ba\"nk\\""#);
        assert_eq!((read.operator, read.value.as_str()), (FilterOperator::Has, r#"ba"nk\"#));
        let read = one("attributes.a.b-c != x");
        assert_eq!(read.key.as_deref(), Some("a.b-c"));
        assert_eq!((read.field.as_str(), read.operator), ("attributes", FilterOperator::NotEqual));
        assert_eq!(one(r#"attributes."x y"=1"#).key.as_deref(), Some("x y"));
        assert_eq!(one("region = regions/eu").value, "regions/eu");
        assert!(one("account:*").anything && !one("account:\"*\"").anything);
        let all = parse(r#"state = EXHAUSTED AND create_time >= "2026-11-01T00:00:00Z""#).unwrap();
        assert_eq!(all.len(), 2);
        let second = all.last().unwrap();
        assert_eq!((second.at, second.operator), (22, FilterOperator::GreaterOrEqual));
        assert_eq!(second.value, "2026-11-01T00:00:00Z");
    }

    #[test]
    fn not_turns_a_comparison_around() {
        for (text, operator) in [
            ("NOT account:*", FilterOperator::HasNot),
            ("-account:*", FilterOperator::HasNot),
            ("NOT state = WAITING", FilterOperator::NotEqual),
            ("NOT state != WAITING", FilterOperator::Equal),
            ("NOT http_status >= 500", FilterOperator::Less),
            ("NOTE = 1", FilterOperator::Equal),
        ] {
            assert_eq!(parse(text).map(|all| all[0].operator), Ok(operator), "{text}");
        }
        assert_eq!(one("  NOT a = 1").at, 6);
    }

    #[test]
    fn errors_say_where() {
        let at = |text: &str| parse(text).unwrap_err().at;
        assert_eq!(at("= 1"), 0);
        assert_eq!(at("a 1"), 2);
        assert_eq!(at("a = "), 4);
        assert_eq!(at("a = 1 OR b = 2"), 6);
        assert_eq!(at("a = 1 AND"), 6);
        assert_eq!(at("a = 1 AND "), 10);
        assert_eq!(at("a = 1 and b = 2"), 6);
        assert_eq!(at("(a = 1)"), 0);
        assert_eq!(at("a = \"x"), 4);
        assert_eq!(at("a = \"x\0\""), 6);
        assert_eq!(at("a = *"), 4);
        assert_eq!(at(r#"a = "\n""#), 6);
        assert_eq!(at("a. = 1"), 2);
        assert_eq!(at(&"a".repeat(3000)), MAX_FILTER_BYTES);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in ".{0,200}") {
            if let Err(error) = parse(&text) {
                prop_assert!(text.is_char_boundary(error.at), "{error}");
            }
        }

        #[test]
        fn text_like_filters_has_an_answer(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("a"), Just("."), Just("\""), Just("\\"), Just("="), Just("!="), Just(":"),
                    Just(" "), Just("AND"), Just(" AND "), Just("é"), Just("<"), Just(">="),
                ],
                0..20,
            )
        ) {
            let _ = parse(&parts.concat());
        }

        #[test]
        fn what_is_quoted_comes_back(
            values in proptest::collection::vec("[^\\x00]{0,20}", 1..5)
        ) {
            let quoted = |v: &String| v.replace('\\', "\\\\").replace('"', "\\\"");
            let terms: Vec<_> = values.iter().map(|v| format!("f.k = \"{}\"", quoted(v))).collect();
            let read = parse(&terms.join(" AND ")).unwrap();
            let read: Vec<_> = read.into_iter().map(|c| c.value).collect();
            prop_assert_eq!(read, values);
        }
    }
}
