//! Who may do what: roles of people in a project, scopes of its keys, and what each allows. The one home of permission.

use crate::api_key::Scope;
use crate::text_enum::text_enum;

text_enum! {
    /// What a person is in a project. Who has no role in it sees nothing of it.
    pub enum Role {
        /// Does everything in it, its people and keys included.
        Admin = "admin",
        /// Sees everything in it but secrets, and changes nothing.
        Readonly = "readonly",
    }
}

text_enum! {
    /// What a personal token may be used for, of what its person may.
    pub enum TokenScope {
        /// Looking.
        Read = "read",
        /// Changing and starting tasks, groups and executions.
        Write = "write",
        /// Deleting, and steering deletions.
        Delete = "delete",
        /// Projects themselves, their people, keys and secrets; the account and the instance.
        Manage = "manage",
    }
}

/// What a request needs in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Looking.
    Read,
    /// Changing and starting tasks, groups and executions.
    Write,
    /// Deleting, and steering deletions.
    Delete,
    /// The project itself, its people, keys and secrets.
    Manage,
}

impl Permission {
    /// The scope that a token with scopes needs for it.
    #[must_use]
    pub const fn scope(self) -> TokenScope {
        match self {
            Self::Read => TokenScope::Read,
            Self::Write => TokenScope::Write,
            Self::Delete => TokenScope::Delete,
            Self::Manage => TokenScope::Manage,
        }
    }

    /// What is not allowed to who lacks it, as the end of a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Read => "read this project",
            Self::Write => "change or start anything in this project",
            Self::Delete => "delete anything in this project",
            Self::Manage => "manage this project",
        }
    }
}

impl Role {
    /// True when the role has the permission.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Readonly => matches!(permission, Permission::Read),
        }
    }
}

/// True when a key with these scopes has the permission. No key manages a project: that takes a person.
#[must_use]
pub fn scopes_allow(scopes: &[Scope], permission: Permission) -> bool {
    let needed = match permission {
        Permission::Read => Scope::Read,
        Permission::Write => Scope::Write,
        Permission::Delete => Scope::Delete,
        Permission::Manage => return false,
    };
    scopes.contains(&needed)
}
