//! What a row of the table of commands says.

/// A command.
pub struct CommandSpec {
    /// One or two words: "publish", or "tenants" and "list".
    pub words: &'static [&'static str],
    pub about: &'static str,
    /// Shown below the help, with payloads where there are any.
    pub examples: &'static str,
    pub arguments: &'static [ArgumentSpec],
    pub action: CommandAction,
}

/// What a command does.
pub enum CommandAction {
    /// One call, or the calls of a list's pages.
    Call(CallSpec),
    Publish,
    Tail,
    TestSubscription,
    Stats,
    ImportEventTypes,
    Replay,
    Backfill,
    Expunge,
    FollowOperation,
    Reconcile,
    CreateToken,
    VerifyAudit,
    Doctor,
    ListContexts,
    SetContext,
    UseContext,
    RemoveContext,
    Completions,
    ManPages,
}

/// A call.
pub struct CallSpec {
    /// "postrider.v1.TenantService/GetTenant".
    pub method: &'static str,
    pub view: AnswerView,
    /// Of an update: the request's field with the resource, whose fields that were given
    /// make the mask.
    pub updated: Option<&'static str>,
}

/// What is shown of an answer.
pub enum AnswerView {
    /// A message in it; the whole where the name is empty.
    Message(&'static str),
    /// The items of a field, page by page, or all of an answer that has no pages.
    List(&'static str),
    /// A sentence, since there is nothing in it.
    Done(&'static str),
}

/// An argument, and the field of the request that it gives.
pub struct ArgumentSpec {
    /// The option's name; empty for what the command gives by itself.
    pub id: &'static str,
    pub help: &'static str,
    pub form: ArgumentForm,
    /// The field's path, as in "subscription.url"; empty where code reads the argument.
    pub field: &'static str,
    pub value: ArgumentValue,
}

/// How an argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentForm {
    /// By its place, and must be. The text names it in the help.
    Positional(&'static str),
    /// As an option that may be left out.
    Optional,
    /// As an option that must be there.
    Required,
    /// Not at all: of the context alone, or a message that options fill.
    Implied,
}

/// How an argument's text becomes a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentValue {
    Text,
    /// A file's, or a folder's.
    Path,
    Number,
    /// True where it is given.
    Switch,
    Time,
    Span,
    /// Several texts, with commas or by giving it again.
    Words,
    /// A resource's name: in full, or its ids for the places of "tenants/{tenant}/events/{}",
    /// of which the tenant is the context's.
    Name(&'static str),
    /// Several of them.
    Names(&'static str),
    /// The tenant's chain, or the installation's where `--installation` is given.
    Chain,
    /// A value of an enum, without this prefix.
    EnumName(&'static str),
    EnumNames(&'static str),
    /// KEY=VALUE, several times.
    Pairs,
    /// JSON whose members are the field's; text, `@FILE` or `-`.
    Document,
    /// A text, `@FILE` or `-`.
    Content,
    /// A body: JSON as `payload_json`, other bytes as `payload`; text, `@FILE` or `-`.
    Payload,
    /// A part of the filter, as it is.
    Filter,
    /// A part of the filter where the switch is given.
    FilterSwitch(&'static str),
    /// A part of the filter with a text in quotation marks for {}.
    FilterText(&'static str),
    /// The same with a name for {}.
    FilterName(&'static str, &'static str),
    /// The same with a word in capitals for {}.
    FilterWord(&'static str),
    /// The same with KEY=VALUE for both {}, the value in quotation marks.
    FilterPair(&'static str),
    /// The same with a time for {}.
    FilterTime(&'static str),
    /// Fields to be cleared by an update.
    Cleared,
    /// None: the option is not in the help, and is refused with this advice.
    Elsewhere(&'static str),
}

/// An argument by its place.
pub(super) const fn positional(
    title: &'static str,
    help: &'static str,
    field: &'static str,
    value: ArgumentValue,
) -> ArgumentSpec {
    ArgumentSpec { id: "NAME", help, form: ArgumentForm::Positional(title), field, value }
}

/// An option that may be left out.
pub(super) const fn option(
    id: &'static str,
    help: &'static str,
    field: &'static str,
    value: ArgumentValue,
) -> ArgumentSpec {
    ArgumentSpec { id, help, form: ArgumentForm::Optional, field, value }
}

/// An option that must be given.
pub(super) const fn required(
    id: &'static str,
    help: &'static str,
    field: &'static str,
    value: ArgumentValue,
) -> ArgumentSpec {
    ArgumentSpec { id, help, form: ArgumentForm::Required, field, value }
}

/// A field that the context gives, or a message that is there without any option.
pub(super) const fn implied(field: &'static str, value: ArgumentValue) -> ArgumentSpec {
    ArgumentSpec { id: "", help: "", form: ArgumentForm::Implied, field, value }
}

/// The tenant of the context, as the request's parent.
pub(super) const TENANT_PARENT: ArgumentSpec = implied("parent", ArgumentValue::Name(TENANT));

/// A part of a list's filter that no option has.
pub(super) const RAW_FILTER: ArgumentSpec =
    option("filter", "Comparisons joined by AND, as in AIP-160", "", ArgumentValue::Filter);

/// Only what was made from a time on.
pub(super) const SINCE_FILTER: ArgumentSpec = option(
    "since",
    "Only those created from then on: a time, a date, or a span before now such as 1h",
    "",
    ArgumentValue::FilterTime("create_time >= {}"),
);

/// Only what was made before a time.
pub(super) const UNTIL_FILTER: ArgumentSpec = option(
    "until",
    "Only those created before then",
    "",
    ArgumentValue::FilterTime("create_time < {}"),
);

/// Only what is of an event type.
pub(super) const TYPE_FILTER: ArgumentSpec = option(
    "type",
    "Only those of this event type",
    "",
    ArgumentValue::FilterText("event_type = {}"),
);

/// Only what is of a subscription.
pub(super) const SUBSCRIPTION_FILTER: ArgumentSpec = option(
    "subscription",
    "Only those of this subscription",
    "",
    ArgumentValue::FilterName("subscription = {}", SUBSCRIPTION),
);

/// Only what is of an account.
pub(super) const ACCOUNT_FILTER: ArgumentSpec =
    option("account", "Only those of this account", "", ArgumentValue::FilterText("account = {}"));

/// Only what is of a region.
pub(super) const REGION_FILTER: ArgumentSpec = option(
    "region",
    "Only those of this region",
    "",
    ArgumentValue::FilterName("region = {}", "regions/{}"),
);

/// What was deleted, too.
pub(super) const SHOW_DELETED: ArgumentSpec =
    option("deleted", "Deleted ones too", "show_deleted", ArgumentValue::Switch);

/// The order of a list of resources that people have named.
pub(super) const ORDER_BY: ArgumentSpec =
    option("order-by", "name, display_name or create_time", "order_by", ArgumentValue::Text);

/// Only if nobody has changed it.
pub(super) const fn etag(field: &'static str) -> ArgumentSpec {
    option("etag", "Only if it still has this etag", field, ArgumentValue::Text)
}

pub(super) const ETAG: ArgumentSpec = etag("etag");

/// Patterns of names.
pub(super) const TENANT: &str = "tenants/{tenant}";
pub(super) const ANY_TENANT: &str = "tenants/{}";
pub(super) const SUBSCRIPTION: &str = "tenants/{tenant}/subscriptions/{}";
pub(super) const EVENT: &str = "tenants/{tenant}/events/{}";
pub(super) const DELIVERY: &str = "tenants/{tenant}/deliveries/{}";
pub(super) const ATTEMPT: &str = "tenants/{tenant}/deliveries/{}/attempts/{}";
pub(super) const OPERATION: &str = "tenants/{tenant}/operations/{}";

const fn call(method: &'static str, view: AnswerView) -> CommandAction {
    CommandAction::Call(CallSpec { method, view, updated: None })
}

/// A call whose answer is a resource.
pub(super) const fn shows(method: &'static str) -> CommandAction {
    shows_field(method, "")
}

/// A call whose answer has the resource in a field.
pub(super) const fn shows_field(method: &'static str, field: &'static str) -> CommandAction {
    call(method, AnswerView::Message(field))
}

/// A list.
pub(super) const fn lists(method: &'static str, field: &'static str) -> CommandAction {
    call(method, AnswerView::List(field))
}

/// An update of the resource in a field.
pub(super) const fn updates(method: &'static str, field: &'static str) -> CommandAction {
    let view = AnswerView::Message("");
    CommandAction::Call(CallSpec { method, view, updated: Some(field) })
}

/// A call that answers nothing.
pub(super) const fn does(method: &'static str, sentence: &'static str) -> CommandAction {
    call(method, AnswerView::Done(sentence))
}
