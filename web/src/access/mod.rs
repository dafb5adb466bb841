//! Who is at the other end, and what they may do.
//!
//! `gate` stands before every route: it finds out who asks (`identity`), looks up which role that needs (`table`), holds
//! forms and requests of browsers to the page that they came from (`origin`), and notes what was changed (`audit`).
//! Only then path and body are looked at by whoever answers.

pub mod accounts;
mod address;
mod audit;
pub(crate) mod gate;
mod identity;
pub(crate) mod login;
mod origin;
pub mod password;
pub(crate) mod secret;
mod settings;
pub(crate) mod table;
mod throttle;

use std::future::Future;

use maud::{Markup, html};
use xrdtest_model::api::Role;

pub use self::settings::{Access, Settings};
pub(crate) use self::table::Routes;

/// Who looks at a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// Their name; nobody has logged in where there is none.
    pub name: Option<String>,
    /// What they may do; nothing at all where there is none.
    pub role: Option<Role>,
    /// What their forms must bring back, so that no page of somebody else can send them.
    pub form_token: String,
}

tokio::task_local! {
    /// Of the request that is being answered: all pages show it, error pages too.
    static VISITOR: Visitor;
}

impl Visitor {
    /// Who asks for the page that is being made.
    pub fn current() -> Self {
        VISITOR.try_with(Clone::clone).unwrap_or_default()
    }

    /// Answers a request of this visitor.
    pub async fn during<T>(self, answer: impl Future<Output = T>) -> T {
        VISITOR.scope(self, answer).await
    }

    /// Whether they may do what this role may.
    pub fn may(&self, role: Role) -> bool {
        self.role.is_some_and(|own| own >= role)
    }
}

/// A form that changes something: for those who have the role; for others there is nothing.
pub fn form(role: Role, action: &str, content: &Markup) -> Markup {
    let visitor = Visitor::current();
    html! {
        @if visitor.may(role) {
            form.action method="post" action=(action) {
                input type="hidden" name="form_token" value=(visitor.form_token);
                (content)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forms_are_for_those_who_may() {
        let content = html! { button { "Run" } };
        assert_eq!(form(Role::Operator, "/x", &content).into_string(), "", "nobody");
        let visitor = |role| Visitor { role: Some(role), form_token: "t<".to_owned(), ..Visitor::default() };
        let of = |role| visitor(role).during(async { form(Role::Operator, "/x", &content).into_string() });
        assert_eq!(of(Role::Viewer).await, "");
        for role in [Role::Operator, Role::Admin] {
            let form = of(role).await;
            assert!(
                form.contains(r#"action="/x""#) && form.contains("t&lt;") && form.contains("Run"),
                "{form}"
            );
        }
    }
}
