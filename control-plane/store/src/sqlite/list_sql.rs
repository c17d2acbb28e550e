//! Lists as SQLite reads them.
//!
//! Fed by the shared conditions; feeds the statements of this engine's lists.

use sqlx::{QueryBuilder, Sqlite};

use crate::list_sql::{ListSql, ListValue};

impl ListSql for QueryBuilder<Sqlite> {
    const HAS_CREATE_TIME: bool = false;
    const OF_TENANT: &'static str = "tenant = ?";
    const ASCENDING: &'static str = "";
    const ATTRIBUTE: &'static str = "(SELECT j.value FROM json_each(attributes) j WHERE j.key = ?)";

    fn push(&mut self, text: &str) -> &mut Self {
        QueryBuilder::push(self, text)
    }

    fn bind(&mut self, value: ListValue<'_>) -> &mut Self {
        match value {
            ListValue::Text(value) => self.push_bind(value),
            ListValue::Integer(value) => self.push_bind(value),
            ListValue::Number(value) => self.push_bind(value),
            ListValue::Code(value) => self.push_bind(value),
            ListValue::Id(value) => self.push_bind(value),
            ListValue::Flag(value) => self.push_bind(value),
        }
    }

    fn of_subscription(&mut self, _: &str, subscription: &str) -> &mut Self {
        self.condition("subscription = ?", &[ListValue::Text(subscription)])
    }

    fn one_of(&mut self, column: &str, codes: Vec<i16>) -> &mut Self {
        self.push(" AND ").push(column).push(" IN (");
        let mut listed = self.separated(", ");
        for code in codes {
            listed.push_bind(code);
        }
        self.push(")")
    }
}
