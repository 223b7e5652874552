//! `docs/permissions.md`, printed from the table of permissions.

use std::fmt::Write as _;

use rightful::{
    domain::Role,
    grpc::{PERMISSIONS, Reach},
};

use crate::printed;

#[test]
fn the_printed_permissions_are_those_of_the_code() {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let mut text = format!(
        "# Permissions\n\nPrinted from `src/grpc/permission.rs` by `tests/tidy/permissions.rs`; do not edit. To print it again: \
         `RIGHTFUL_WRITE_DOCS=1 cargo test --test tidy`.\n\n\
         *own*: of cases that the caller has opened or joined; *itself*: of the downstream that it is. [access.md](access.md) has what \
         the roles are for. Health checks and reflection are open to all.\n\n| RPC | {} |\n|---|{}\n",
        roles.join(" | "),
        "---|".repeat(roles.len())
    );
    for (rpc, allowed) in PERMISSIONS {
        let cell = |role: &Role| {
            let reach = allowed.iter().find(|(of, _)| of == role).map(|(_, reach)| *reach);
            match reach {
                Some(Reach::All) => "yes",
                Some(Reach::Own) => "own",
                Some(Reach::Itself) => "itself",
                None if allowed.is_empty() || *role == Role::Admin => "yes",
                None => "",
            }
        };
        let cells: Vec<&str> = Role::ALL.iter().map(cell).collect();
        let rpc = rpc.strip_prefix("rightful.v1.").unwrap_or(rpc);
        writeln!(text, "| `{rpc}` | {} |", cells.join(" | ")).expect("a String takes everything");
    }
    printed::compare("docs/permissions.md", &text);
}
