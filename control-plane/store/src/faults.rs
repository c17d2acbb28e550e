//! Classifies a database's error codes: one table for each engine.
//!
//! Fed by the engines with their databases' errors; feeds [`StoreError`]. Guarantees
//! database-faults-blame-nobody: only errors that the row itself causes are rejections,
//! after which it is dropped. A code that is in no table is not the row's fault.
//!
//! Keeps the invariant `database-faults-blame-nobody`.

use FaultKind::{Ours, Row, Transient};

use crate::error::StoreError;

/// What is at fault in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The input is rejected and always will be.
    Row,
    /// The database is unavailable, busy or short of something; it passes.
    Transient,
    /// The database, its schema, its permissions or this program is at fault, whatever
    /// the input, until somebody repairs it.
    Ours,
}

impl FaultKind {
    pub(crate) fn error(self, text: String) -> StoreError {
        match self {
            Row => StoreError::Rejected(text),
            Transient => StoreError::Unavailable(text),
            Ours => StoreError::Faulty(text),
        }
    }
}

/// PostgreSQL's SQLSTATEs, by class (two characters) or, where one is not as its
/// class, by code (five). <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const SQLSTATES: &[(&str, FaultKind)] = &[
    // Connections, and poolers that have none.
    ("08", Transient),
    // Values that a column cannot hold.
    ("22", Row),
    // A parameter in a form that the database does not take: the driver's doing, or a
    // column whose type is another than this program knows.
    ("22P03", Ours),
    // Constraints.
    ("23", Row),
    // This program fills every column that it knows: a newer schema has one more.
    ("23502", Ours),
    // A standby, or a transaction that is lost.
    ("25", Transient),
    // Credentials that are being changed.
    ("28", Transient),
    // The database is not there, or not yet.
    ("3D", Transient),
    // Serialisation, deadlocks.
    ("40", Transient),
    // Disk, memory, connections.
    ("53", Transient),
    // Limits that this very row exceeds, such as the size of an index entry.
    ("54", Row),
    // Locks.
    ("55", Transient),
    // Statements cancelled, a server that starts or stops.
    ("57", Transient),
];

/// A check that fails, of a constraint with a name; without one it is a partition that
/// is missing, of which the row knows nothing.
const CHECK_VIOLATION: &str = "23514";

/// What a SQLSTATE, with the constraint that was told with it, means. Any other
/// class (rights 42501, tables and columns 42P01 and 42703, prepared statements
/// 26000, functions and triggers 38, 39 and P0, damage XX, the machine 58) is ours.
pub(crate) fn of_sqlstate(code: &str, constraint: Option<&str>) -> FaultKind {
    if code == CHECK_VIOLATION && constraint.is_none() {
        return Ours;
    }
    let class = code.get(..2).unwrap_or_default();
    let known = |wanted: &str| SQLSTATES.iter().find(|(listed, _)| *listed == wanted);
    known(code).or_else(|| known(class)).map_or(Ours, |(_, kind)| *kind)
}

/// SQLite's result codes, extended ones where they are not as their primary ones.
/// <https://www.sqlite.org/rescode.html>
const RESULT_CODES: &[(i32, FaultKind)] = &[
    (3, Transient),  // PERM
    (4, Transient),  // ABORT
    (5, Transient),  // BUSY
    (6, Transient),  // LOCKED
    (7, Transient),  // NOMEM
    (8, Transient),  // READONLY
    (9, Transient),  // INTERRUPT
    (10, Transient), // IOERR
    (13, Transient), // FULL
    (14, Transient), // CANTOPEN
    (15, Transient), // PROTOCOL: locks of the log
    (18, Row),       // TOOBIG
    (19, Row),       // CONSTRAINT
    (20, Row),       // MISMATCH
    // What somebody else put into the database refuses: a hook, a function, a
    // trigger's RAISE, a virtual table.
    (19 | 2 << 8, Ours), // CONSTRAINT_COMMITHOOK
    (19 | 4 << 8, Ours), // CONSTRAINT_FUNCTION
    (19 | 7 << 8, Ours), // CONSTRAINT_TRIGGER
    (19 | 9 << 8, Ours), // CONSTRAINT_VTAB
    // This program fills every column that it knows.
    (19 | 5 << 8, Ours), // CONSTRAINT_NOTNULL
    // Pages that are read, and are not what was written.
    (10 | 32 << 8, Ours), // IOERR_DATA
    (10 | 33 << 8, Ours), // IOERR_CORRUPTFS
];

/// What an extended result code means. Any other (ERROR, which is an unknown table or
/// column, CORRUPT, SCHEMA, MISUSE, AUTH, NOTADB) is ours.
pub(crate) fn of_result_code(extended: i32) -> FaultKind {
    let known = |wanted: i32| RESULT_CODES.iter().find(|(listed, _)| *listed == wanted);
    known(extended).or_else(|| known(extended & 0xff)).map_or(Ours, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Every class of PostgreSQL 18 that is an error.
    const CLASSES: &str = "03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 \
        39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX";
    const OF_ROWS: &[&str] = &["22", "23", "54"];
    const THAT_PASS: &[&str] = &["08", "25", "28", "3D", "40", "53", "55", "57"];

    #[test]
    fn each_class_of_sqlstates_has_its_kind() {
        for class in CLASSES.split_whitespace() {
            let kind = match class {
                row if OF_ROWS.contains(&row) => Row,
                passes if THAT_PASS.contains(&passes) => Transient,
                _ => Ours,
            };
            for rest in ["000", "001", "P01"] {
                assert_eq!(
                    of_sqlstate(&format!("{class}{rest}"), Some("c")),
                    kind,
                    "{class}{rest}"
                );
            }
        }
        for nothing in ["", "2", "é22", "ZZ000"] {
            assert_eq!(of_sqlstate(nothing, None), Ours, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_not_as_its_class_has_its_own_kind() {
        let told: &[(&str, Option<&str>, FaultKind)] = &[
            ("23502", None, Ours),
            ("23503", Some("c"), Row),
            ("23505", Some("events_pkey"), Row),
            ("23514", Some("size"), Row),
            ("23514", None, Ours),
            ("22P03", None, Ours),
            ("22P02", None, Row),
            ("22021", None, Row),
            ("42501", None, Ours),
            ("42703", None, Ours),
            ("42P01", None, Ours),
            ("26000", None, Ours),
            ("0A000", None, Ours),
            ("P0001", None, Ours),
            ("XX000", None, Ours),
            ("XX001", None, Ours),
            ("58030", None, Ours),
            ("25006", None, Transient),
            ("40P01", None, Transient),
            ("53100", None, Transient),
            ("57014", None, Transient),
        ];
        for (code, constraint, kind) in told {
            assert_eq!(of_sqlstate(code, *constraint), *kind, "{code} {constraint:?}");
        }
        let own: Vec<_> = SQLSTATES.iter().filter(|(listed, _)| listed.len() == 5).collect();
        for (code, kind) in &own {
            assert_ne!(of_sqlstate(&format!("{}000", &code[..2]), Some("c")), *kind, "{code}");
        }
        let listed: HashSet<_> = SQLSTATES.iter().map(|(listed, _)| listed).collect();
        assert_eq!(listed.len(), SQLSTATES.len(), "none stands there twice");
    }

    #[test]
    fn each_result_code_of_sqlite_has_its_kind() {
        // From ERROR to NOTADB; 0, 27, 28, 100 and 101 are not errors.
        let kinds: [(FaultKind, &[i32]); 3] = [
            (Row, &[18, 19, 20]),
            (Transient, &[3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15]),
            (Ours, &[1, 2, 11, 12, 16, 17, 21, 22, 23, 24, 25, 26]),
        ];
        let primary: HashSet<i32> = kinds.iter().flat_map(|(_, codes)| *codes).copied().collect();
        assert_eq!(primary, (1..=26).collect());
        for (kind, codes) in kinds {
            for code in codes {
                assert_eq!(of_result_code(*code), kind, "{code}");
                assert_eq!(of_result_code(code | 99 << 8), kind, "{code}, extended");
            }
        }
    }

    #[test]
    fn extended_result_codes_that_are_not_as_their_primary_ones_have_their_own_kind() {
        // https://www.sqlite.org/rescode.html#extrc, by number.
        let constraints: &[(i32, FaultKind)] = &[
            (275, Row),   // CHECK
            (531, Ours),  // COMMITHOOK
            (787, Row),   // FOREIGNKEY
            (1043, Ours), // FUNCTION
            (1299, Ours), // NOTNULL
            (1555, Row),  // PRIMARYKEY
            (1811, Ours), // TRIGGER
            (2067, Row),  // UNIQUE
            (2323, Ours), // VTAB
            (2579, Row),  // ROWID
            (2835, Row),  // PINNED
            (3091, Row),  // DATATYPE
        ];
        let others: &[(i32, FaultKind)] = &[
            (266, Transient),  // IOERR_READ
            (778, Transient),  // IOERR_WRITE
            (8202, Ours),      // IOERR_DATA
            (8458, Ours),      // IOERR_CORRUPTFS
            (267, Ours),       // CORRUPT_VTAB
            (779, Ours),       // CORRUPT_INDEX
            (517, Transient),  // BUSY_SNAPSHOT
            (1032, Transient), // READONLY_DBMOVED
        ];
        for (code, kind) in constraints.iter().chain(others) {
            assert_eq!(of_result_code(*code), *kind, "{code}");
        }
        let listed: HashSet<_> = RESULT_CODES.iter().map(|(listed, _)| listed).collect();
        assert_eq!(listed.len(), RESULT_CODES.len(), "none stands there twice");
    }
}
