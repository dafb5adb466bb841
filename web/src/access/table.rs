//! Which role a request needs: the one table, and what holds for everything that is not in it.

use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;
use xrdtest_model::api::Role::{self, Admin, Operator};

use crate::api::Shared;

/// What is not as usual. Usually reading is for viewers and changing for administrators. `None`: for everybody, logged
/// in or not.
pub(crate) const TABLE: &[(Method, &str, Option<Role>)] = &[
    (Method::GET, "/login", None),
    (Method::POST, "/login", None),
    (Method::POST, "/logout", None),
    (Method::GET, "/assets/{*path}", None),
    // Where programs of the original asked: they are told where to ask now.
    (Method::POST, "/action", None),
    (Method::POST, "/auth", None),
    (Method::POST, "/update", None),
    // One's own password.
    (Method::POST, "/account", Some(Role::Viewer)),
    (Method::GET, "/audit", Some(Admin)),
    (Method::GET, "/api/v1/audit", Some(Admin)),
    (Method::GET, "/api/v1/tokens", Some(Admin)),
    (Method::GET, "/api/v1/users", Some(Admin)),
    (Method::GET, "/api/v1/revocations", Some(Admin)),
    (Method::POST, "/api/v1/repositories/{name}/fetch", Some(Operator)),
    (Method::DELETE, "/api/v1/queue/{run}", Some(Operator)),
    (Method::POST, "/api/v1/runs", Some(Operator)),
    (Method::POST, "/api/v1/runs/{run}/cancel", Some(Operator)),
    (Method::PUT, "/api/v1/runs/{run}/pin", Some(Operator)),
    (Method::PUT, "/api/v1/suites/{name}/schedule", Some(Operator)),
    (Method::PUT, "/api/v1/schedule", Some(Operator)),
    (Method::POST, "/api/v1/instances", Some(Operator)),
    (Method::DELETE, "/api/v1/instances/{instance}", Some(Operator)),
    (Method::PUT, "/api/v1/queue/pause", Some(Operator)),
    (Method::DELETE, "/api/v1/runs/{run}", Some(Operator)),
    (Method::POST, "/api/v1/runs/{run}/rerun", Some(Operator)),
    (Method::PUT, "/api/v1/hypervisors/{name}/hold", Some(Operator)),
    (Method::POST, "/testsuites/{name}/run", Some(Operator)),
    (Method::POST, "/testsuites/{name}/pause", Some(Operator)),
    (Method::POST, "/runs/{run}/cancel", Some(Operator)),
    (Method::POST, "/runs/{run}/rerun", Some(Operator)),
    (Method::POST, "/runs/{run}/pin", Some(Operator)),
    (Method::POST, "/runs/{run}/delete", Some(Operator)),
    (Method::POST, "/clusters/{name}/start", Some(Operator)),
    (Method::POST, "/instances/{instance}/stop", Some(Operator)),
    (Method::POST, "/queue/pause", Some(Operator)),
    (Method::POST, "/schedule/pause", Some(Operator)),
    (Method::POST, "/hypervisors/{name}/hold", Some(Operator)),
    // For administrators as everything that is not here; named so that nobody thinks they were forgotten.
    (Method::POST, "/api/v1/reload", Some(Admin)),
    (Method::POST, "/api/v1/stop", Some(Admin)),
    (Method::PUT, "/api/v1/log-level", Some(Admin)),
    (Method::POST, "/api/v1/runs/archive", Some(Admin)),
    (Method::POST, "/api/v1/tokens", Some(Admin)),
    (Method::POST, "/api/v1/tokens/api", Some(Admin)),
    (Method::DELETE, "/api/v1/tokens/{id}", Some(Admin)),
    (Method::POST, "/api/v1/users", Some(Admin)),
    (Method::POST, "/api/v1/revocations", Some(Admin)),
    (Method::PUT, "/api/v1/users/{name}", Some(Admin)),
    (Method::DELETE, "/api/v1/users/{name}", Some(Admin)),
];

/// Whether a method only reads.
pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The role that a request needs; `None`: none. `route`: the route that it was led to, where there is one.
pub(super) fn need(method: &Method, route: Option<&str>) -> Option<Role> {
    let as_read = if *method == Method::HEAD { &Method::GET } else { method };
    let entry = TABLE.iter().find(|(method, path, _)| method == as_read && Some(*path) == route);
    match entry {
        Some((_, _, need)) => *need,
        None if reads(method) => Some(Role::Viewer),
        None => Some(Admin),
    }
}

/// Routes that know their paths, so that tests can ask for each of them.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Shared>,
    paths: Vec<&'static str>,
}

impl Routes {
    /// As that of a [`Router`].
    pub(crate) fn route(mut self, path: &'static str, handlers: MethodRouter<Shared>) -> Self {
        self.paths.push(path);
        Self { router: self.router.route(path, handlers), paths: self.paths }
    }

    pub(crate) fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    pub(crate) fn router(self) -> Router<Shared> {
        self.router
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_thought_of_is_for_administrators() {
        for (method, route, expected) in [
            (Method::GET, Some("/runs"), Some(Role::Viewer)),
            (Method::HEAD, Some("/api/v1/tokens"), Some(Admin)),
            (Method::GET, None, Some(Role::Viewer)),
            (Method::POST, Some("/api/v1/new"), Some(Admin)),
            (Method::POST, None, Some(Admin)),
            (Method::OPTIONS, Some("/login"), Some(Admin)),
            (Method::POST, Some("/api/v1/runs"), Some(Operator)),
            (Method::DELETE, Some("/api/v1/runs"), Some(Admin)),
        ] {
            assert_eq!(need(&method, route), expected, "{method} {route:?}");
        }
    }

    #[test]
    fn nothing_stands_in_the_table_twice() {
        for (number, (method, path, _)) in TABLE.iter().enumerate() {
            let again = TABLE[number + 1..].iter().any(|(other, at, _)| other == method && at == path);
            assert!(!again, "{method} {path}");
        }
    }
}
