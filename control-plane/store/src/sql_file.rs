//! Statements that are files.
//!
//! Fed by `sql/`; feeds the engines' constants. Guarantees that what stands there for
//! readers is not sent: a database shows the beginning of what it runs, and that should
//! be the statement.

/// A file without the comment at its head.
pub(crate) const fn without_comment(file: &'static str) -> &'static str {
    let bytes = file.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() && bytes[at] == b'-' && bytes[at + 1] == b'-' {
        while at < bytes.len() && bytes[at] != b'\n' {
            at += 1;
        }
        at += 1;
    }
    file.split_at(at).1
}

#[cfg(test)]
mod tests {
    use super::without_comment;

    #[test]
    fn only_a_files_head_is_left_out() {
        assert_eq!(without_comment("-- a\n--\nSELECT 1 -- b\n"), "SELECT 1 -- b\n");
        assert_eq!(without_comment("SELECT 1"), "SELECT 1");
        assert_eq!(without_comment(""), "");
    }
}
