//! Lists as PostgreSQL reads them.
//!
//! Fed by the shared conditions; feeds the statements of this engine's lists.

use sqlx::{Postgres, QueryBuilder};

use crate::list_sql::{ListSql, ListValue};

impl ListSql for QueryBuilder<Postgres> {
    const HAS_CREATE_TIME: bool = true;
    const OF_TENANT: &'static str =
        "tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = ?)";
    const ASCENDING: &'static str = " ASC";
    const ATTRIBUTE: &'static str = "attributes::jsonb ->> ?";

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

    fn of_subscription(&mut self, tenant: &str, subscription: &str) -> &mut Self {
        self.condition(
            "subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = ? AND n.id = ?
            )",
            &[ListValue::Text(tenant), ListValue::Text(subscription)],
        )
    }

    fn one_of(&mut self, column: &str, codes: Vec<i16>) -> &mut Self {
        self.push(" AND ").push(column).push(" = ANY(").push_bind(codes).push(")")
    }
}
