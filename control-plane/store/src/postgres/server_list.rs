//! The servers that a database URL names.
//!
//! Fed by `open` with the URL; feeds `servers`. The driver knows one host; several are
//! written as libpq has them, `postgres://user@one:5432,two:5432/database`, and all else in
//! the URL is of each. Guarantees that no error quotes the URL, which may hold a password.

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::error::{StoreError, StoreResult};

/// Prepared statements that a connection keeps; this crate has fewer.
const STATEMENT_CACHE_SIZE: usize = 256;
/// A primary and its standbys are a few; each is asked whenever the database is looked for.
const MAX_SERVERS: usize = 16;

/// libpq's word for which of the servers is wanted.
const SESSION_ATTRIBUTES: &str = "target_session_attrs";
/// Those that are met by a server that can be written to, which is always looked for.
const WRITABLE_SESSIONS: [&str; 3] = ["read-write", "primary", "any"];

/// A server, and how it is connected to.
#[derive(Clone, Debug)]
pub(super) struct NamedServer {
    /// For the log.
    pub(super) address: String,
    pub(super) connect: PgConnectOptions,
}

/// The servers in the order of the URL, one at least.
pub(super) fn named_servers(url: &str) -> StoreResult<Vec<NamedServer>> {
    let urls = single_urls(url)?;
    urls.iter().map(|url| connect_options(url).map(named_server)).collect()
}

fn named_server(connect: PgConnectOptions) -> NamedServer {
    let address = match connect.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", connect.get_host(), connect.get_port()),
    };
    NamedServer { address, connect }
}

fn connect_options(url: &str) -> StoreResult<PgConnectOptions> {
    let options = url
        .parse::<PgConnectOptions>()
        // The driver's error may quote the URL, which contains a password.
        .map_err(|_| rejected("the database URL cannot be read"))?;
    if options.get_host().contains(',') {
        let told = "several hosts of the database URL stand before the database's name: \
            host:port,host:port/database";
        return Err(rejected(told));
    }
    let options = options
        .application_name("postrider")
        .statement_cache_capacity(STATEMENT_CACHE_SIZE)
        // No statement uses floats, and PgBouncer rejects parameters it does not know.
        .extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// A URL for each host of the given one.
fn single_urls(url: &str) -> StoreResult<Vec<String>> {
    let unreadable = || rejected("the database URL cannot be read");
    let (scheme, rest) = url.split_once("://").ok_or_else(unreadable)?;
    let (before, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = match before.find('/') {
        Some(slash) => before.split_at(slash),
        None => (before, ""),
    };
    // Users and passwords may have commas.
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let query = query.map(without_session_attributes).transpose()?.unwrap_or_default();
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.len() > MAX_SERVERS {
        return Err(rejected(&format!("the database URL has more than {MAX_SERVERS} hosts")));
    }
    if hosts.len() > 1 && hosts.iter().any(|host| host.is_empty()) {
        return Err(rejected("a host of the database URL is empty"));
    }
    Ok(hosts.iter().map(|host| format!("{scheme}://{user}{host}{path}{query}")).collect())
}

/// The query that is left for the driver, with its question mark.
fn without_session_attributes(query: &str) -> StoreResult<String> {
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((SESSION_ATTRIBUTES, value)) if WRITABLE_SESSIONS.contains(&value) => {}
            Some((SESSION_ATTRIBUTES, _)) => {
                let told = format!("{SESSION_ATTRIBUTES} of the database URL must be read-write");
                return Err(rejected(&told));
            }
            _ => kept.push(pair),
        }
    }
    Ok(if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) })
}

fn rejected(told: &str) -> StoreError {
    StoreError::Rejected(told.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(url: &str) -> Vec<String> {
        named_servers(url).unwrap().into_iter().map(|server| server.address).collect()
    }

    #[test]
    fn one_url_names_each_of_its_hosts_and_all_else_is_of_each() {
        let url = "postgres://me:a,b@one:5433,two,[::1]:5434/money\
            ?sslmode=require&target_session_attrs=read-write";
        assert_eq!(addresses(url), ["one:5433", "two:5432", "[::1]:5434"]);
        for server in named_servers(url).unwrap() {
            assert_eq!(server.connect.get_username(), "me");
            assert_eq!(server.connect.get_database(), Some("money"));
        }
        let urls = single_urls(url).unwrap();
        assert_eq!(urls[1], "postgres://me:a,b@two/money?sslmode=require");
    }

    #[test]
    fn a_url_with_one_host_stays_what_it_is() {
        for url in [
            "postgres://postrider@localhost/postrider?host=/run/postgresql",
            "postgresql://db.example:6432/x?sslmode=verify-full",
            "postgres:///x",
            "postgres://db",
        ] {
            assert_eq!(single_urls(url).unwrap(), [url]);
        }
        let only = "postgres://db/x?target_session_attrs=primary";
        assert_eq!(single_urls(only).unwrap(), ["postgres://db/x"]);
    }

    #[test]
    fn what_names_no_servers_is_rejected_and_not_quoted() {
        let many = vec!["host"; MAX_SERVERS + 1].join(",");
        for url in [
            "postgres://me:secret@[".to_owned(),
            "postgres://me:secret@one,,two/x".to_owned(),
            "postgres://me:secret@one:1,two:x/x".to_owned(),
            "postgres:///secret?host=one,two".to_owned(),
            "postgres://me:secret@one,two/x?target_session_attrs=standby".to_owned(),
            format!("postgres://me:secret@{many}/x"),
        ] {
            let error = named_servers(&url).unwrap_err();
            assert!(matches!(error, StoreError::Rejected(_)), "{url}: {error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
