//! What is in the WASM although no browser comes to it. Leptos erases views to tables of functions, and what stands in a
//! table stays, called or not: among it a second way of hydration, for pages in parts, that only `hydrate_lazy` enters, and
//! the list of routes that only a server asks for. Their bodies become a trap before wasm-opt drops what only they needed.
//!
//! Functions are known by their names, so the compiler must not have merged them: `.cargo/config.toml` forbids that.

use walrus::ir::Unreachable;
use walrus::{FunctionKind, LocalFunction, Module};

/// Words in the names of such functions.
const UNUSED: [&str; 3] = ["hydrate_async", "hydrate_from_template", "generate_routes"];

/// Leaves of these functions nothing but a trap.
pub fn trap(module: &mut Module) {
    for function in module.funcs.iter_mut() {
        let name = function.name.as_deref().unwrap_or_default();
        if UNUSED.iter().any(|unused| name.contains(unused))
            && let FunctionKind::Local(local) = &mut function.kind
        {
            empty(local);
        }
    }
}

fn empty(function: &mut LocalFunction) {
    let mut body = function.builder_mut().func_body();
    body.instrs_mut().clear();
    body.instr(Unreachable {});
}
