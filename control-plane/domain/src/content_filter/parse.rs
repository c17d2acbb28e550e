//! From a filter's source to its syntax tree.
//!
//! Fed by `ContentFilter::compile` with a source; feeds the check a tree with its
//! macros expanded, or says what is wrong and where. Guarantees that the parser
//! recurses at most [`MAX_NESTING`] deep: brackets and conditionals are counted
//! before it sees them.

use std::fmt;

use cel::ParseError;
use cel::common::ast::IdedExpr;
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, TokenKind};

use super::limits::{MAX_FILTER_NODES, MAX_NESTING, MAX_SOURCE_BYTES};

/// A position in a filter's source, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePosition {
    pub line: usize,
    pub column: usize,
}

impl SourcePosition {
    pub(super) fn of(source: &str, offset: usize) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a filter was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {MAX_SOURCE_BYTES} bytes")]
    TooLong,
    #[error("must be nested at most {MAX_NESTING} deep; operators in a row nest, && and || do not")]
    TooDeep,
    #[error("must have at most {MAX_FILTER_NODES} nodes")]
    TooManyNodes,
    #[error("{at}: {message}")]
    Syntax { at: SourcePosition, message: String },
    #[error("cannot be parsed")]
    Unparsable,
    #[error(
        "{at}: there is no {name:?}; a filter sees event.type, event.account, event.attributes and event.payload"
    )]
    UnknownName { at: SourcePosition, name: String },
    #[error(
        "{at}: there is no function {name:?} of this form; there are size, contains, startsWith, endsWith, int, uint, double, string, bool, has, all, exists, exists_one, map and filter"
    )]
    UnknownFunction { at: SourcePosition, name: String },
    #[error("{at}: \"event\" must be followed by one of its fields, as in event.type")]
    BareEvent { at: SourcePosition },
    #[error(
        "has() is for what is below event.attributes and event.payload; event.{field} is always there, and event.account is \"\" when there is none"
    )]
    AlwaysThere { field: String },
    #[error("all, exists, exists_one, map and filter must not be nested in one another")]
    NestedComprehension,
    #[error("a comprehension's variable must not be called \"event\"")]
    ShadowedEvent,
    #[error("must be true or false: {0} is neither")]
    NotBoolean(&'static str),
    #[error("must not use {0}")]
    Unsupported(&'static str),
}

/// Parses a filter and expands its macros, without deep recursion.
pub(super) fn parse(source: &str) -> Result<IdedExpr, FilterError> {
    if source.trim().is_empty() {
        return Err(FilterError::Empty);
    }
    if source.len() > MAX_SOURCE_BYTES {
        return Err(FilterError::TooLong);
    }
    refuse_deep_nesting(source)?;
    PrattParser::new()
        .max_expression_node_count(MAX_FILTER_NODES)
        .max_recursion_depth(MAX_NESTING as u16)
        .parse(source)
        .map_err(|errors| errors.errors.first().map_or(FilterError::Unparsable, syntax))
}

fn syntax(error: &ParseError) -> FilterError {
    let (line, column) = error.pos;
    let at = SourcePosition {
        line: usize::try_from(line).unwrap_or_default().max(1),
        column: usize::try_from(column).unwrap_or_default().max(1),
    };
    FilterError::Syntax { at, message: error.msg.clone() }
}

/// The parser limits its recursion through brackets, but not through `a ? b : …`.
#[expect(clippy::wildcard_enum_match_arm, reason = "other tokens do not nest")]
fn refuse_deep_nesting(source: &str) -> Result<(), FilterError> {
    let (mut brackets, mut conditionals) = (0_usize, 0_usize);
    for (kind, _) in tokens(source) {
        match kind {
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                brackets += 1;
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                brackets = brackets.saturating_sub(1);
            }
            TokenKind::TokQuestion => conditionals += 1,
            _ => {}
        }
        if brackets > MAX_NESTING || conditionals > MAX_NESTING {
            return Err(FilterError::TooDeep);
        }
    }
    Ok(())
}

/// The tokens and their offsets, up to the first invalid one.
pub(super) fn tokens(source: &str) -> impl Iterator<Item = (TokenKind, usize)> + '_ {
    let mut lexer = Lexer::new(source);
    // A token has at least one byte, so this ends even if the lexer misbehaves.
    (0..=source.len()).map_while(move |_| {
        let token = lexer.lex();
        let more = !matches!(token.kind, TokenKind::TokEnd | TokenKind::TokError);
        more.then_some((token.kind, token.start))
    })
}
