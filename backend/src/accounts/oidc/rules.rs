//! Whom of an issuer's people the settings let in, and what they may do here: by the domain of their address, by a claim that
//! they must have, and by their groups.
//!
//! Invariant: only claims of an ID token that was verified are looked at.

use super::issuer::Identity;
use crate::accounts::users::Rights;
use domain::error::{ProblemKind, Refusal};
use serde_json::Value;

/// See the module. The default lets everybody in and changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Domains of verified addresses, in lower case; empty: all.
    pub domains: Vec<String>,
    /// A claim and the value that it must have or contain.
    pub required: Option<(String, String)>,
    /// The claim that lists somebody's groups.
    pub groups_claim: String,
    /// Groups whose people administer the instance, and nobody else who signs in; empty: the issuer does not decide.
    pub admin_groups: Vec<String>,
    /// Groups whose people may create projects, and nobody else who signs in; empty: the issuer does not decide.
    pub creator_groups: Vec<String>,
}

impl Rules {
    /// Lets somebody in.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`] saying what is missing.
    pub(super) fn admit(&self, issuer: &str, who: &Identity) -> Result<(), Refusal> {
        let refused = |detail: String| Err(Refusal::new(ProblemKind::Forbidden, detail));
        if let Some((name, value)) = &self.required
            && !texts(who.claims.get(name)).contains(value)
        {
            return refused(format!("{issuer} does not say of you what is needed to sign in here ({name})."));
        }
        let domain = who.verified_email().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        let is_allowed = |domain: &str| self.domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain));
        if !self.domains.is_empty() && !domain.is_some_and(is_allowed) {
            return refused(
                "Only people with an address of certain domains may sign in here; yours is not one.".to_owned(),
            );
        }
        Ok(())
    }

    /// Whether the groups of an issuer decide who administers the instance.
    pub(super) fn decide_admins(&self) -> bool {
        !self.admin_groups.is_empty()
    }

    /// What somebody may do, who could do `now` before.
    pub(super) fn rights(&self, who: &Identity, now: Rights) -> Rights {
        let groups = texts(who.claims.get(&self.groups_claim));
        let in_any = |wanted: &[String]| wanted.iter().any(|group| groups.contains(group));
        let is_admin = if self.decide_admins() { in_any(&self.admin_groups) } else { now.is_admin };
        let decides = !self.creator_groups.is_empty();
        let may_create_projects = if decides { in_any(&self.creator_groups) } else { now.may_create_projects };
        Rights { is_admin, may_create_projects }
    }
}

/// The texts of a claim: one, or a list of them.
fn texts(claim: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match claim {
        Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn who(email: &str, claims: &Value) -> Identity {
        Identity::of_test(email, claims.as_object().unwrap().clone())
    }

    #[test]
    fn only_people_with_the_claim_and_of_the_domains_are_let_in() {
        let rules = Rules {
            domains: vec!["example.com".to_owned()],
            required: Some(("team".to_owned(), "ops".to_owned())),
            ..Rules::default()
        };
        let cases = [
            ("ada@example.com", json!({ "team": "ops" }), true),
            ("ada@EXAMPLE.com", json!({ "team": ["dev", "ops"] }), true),
            ("ada@example.com", json!({ "team": "dev" }), false),
            ("ada@example.com", json!({ "team": { "ops": true } }), false),
            ("ada@example.com", json!({}), false),
            ("ada@evil.example", json!({ "team": "ops" }), false),
            ("ada@sub.example.com", json!({ "team": "ops" }), false),
            ("ada@example.com@evil.example", json!({ "team": "ops" }), false),
            ("", json!({ "team": "ops" }), false),
        ];
        for (email, claims, is_in) in cases {
            assert_eq!(rules.admit("Acme", &who(email, &claims)).is_ok(), is_in, "{email} {claims}");
        }
        let required = Some(("email_verified".to_owned(), "true".to_owned()));
        let rules = Rules { required, ..Rules::default() };
        assert!(rules.admit("Acme", &who("", &json!({ "email_verified": true }))).is_ok());
        assert!(Rules::default().admit("Acme", &who("", &json!({}))).is_ok());
    }

    #[test]
    fn groups_decide_only_what_they_are_set_to_decide() {
        let rules = |admins: &[&str], creators: &[&str]| Rules {
            groups_claim: "groups".to_owned(),
            admin_groups: admins.iter().map(|group| (*group).to_owned()).collect(),
            creator_groups: creators.iter().map(|group| (*group).to_owned()).collect(),
            ..Rules::default()
        };
        let ada = who("ada@example.com", &json!({ "groups": ["ops", "dev"] }));
        let none = Rights::default();
        let rights = |is_admin, may_create_projects| Rights { is_admin, may_create_projects };
        assert_eq!(rules(&[], &[]).rights(&ada, Rights::ADMIN), Rights::ADMIN);
        assert_eq!(rules(&["ops"], &[]).rights(&ada, none), rights(true, false));
        assert_eq!(rules(&["root"], &[]).rights(&ada, Rights::ADMIN), rights(false, true));
        assert_eq!(rules(&[], &["dev"]).rights(&ada, none), rights(false, true));
        assert_eq!(rules(&["root"], &["root"]).rights(&ada, Rights::ADMIN), none);
    }
}
