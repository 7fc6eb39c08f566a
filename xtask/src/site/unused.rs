//! What is in the WASM although no browser comes to it. Leptos erases views to tables of functions, and what stands in a
//! table stays, called or not: among it the hydration of pages in parts, which only `hydrate_lazy` enters, that of templates,
//! of which there are none, and the list of routes, which only a server asks for. Their bodies become traps, and wasm-opt
//! drops what only they needed.
//!
//! Functions are known by their names, so the compiler must not have merged them: `.cargo/config.toml` forbids that.

use walrus::ir::Unreachable;
use walrus::{FunctionKind, LocalFunction, Module};

/// Words in the names of such functions.
const UNUSED: [&str; 3] = ["hydrate_async", "hydrate_from_template", "generate_routes"];

/// Leaves of these functions nothing but a trap; called by `wasm`.
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

#[cfg(test)]
mod tests {
    use super::trap;
    use walrus::ir::{Instr, Unreachable};
    use walrus::{FunctionBuilder, FunctionId, Module};

    fn function(module: &mut Module, name: &str) -> FunctionId {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.name(name.to_owned()).func_body().i32_const(1).drop();
        builder.finish(Vec::new(), &mut module.funcs)
    }

    fn is_trap(module: &Module, function: FunctionId) -> bool {
        let body = module.funcs.get(function).kind.unwrap_local();
        matches!(body.block(body.entry_block()).instrs.as_slice(), [(Instr::Unreachable(Unreachable {}), _)])
    }

    #[test]
    fn only_what_is_never_called_becomes_a_trap() {
        let mut module = Module::default();
        let lazy =
            function(&mut module, "<T as tachys::view::any_view::IntoAny>::into_any::hydrate_async::{{closure}}");
        let needed = function(&mut module, "<T as tachys::view::any_view::IntoAny>::into_any::hydrate_from_server");
        trap(&mut module);
        assert!(is_trap(&module, lazy));
        assert!(!is_trap(&module, needed));
    }
}
