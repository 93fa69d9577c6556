//! The policy as a table under version control: a change of who may do what is a difference that a person reads.
//!
//! `SNUG_UPDATE=1 cargo test -p snug-model` writes it anew.

use std::{env, fs, path::Path};

use snug_model::{
    Action, Actor, PermissionSet,
    keys::{Scope, ScopeSet},
    permissions, policy, roles,
};

use super::{
    cells::{Cell, Grid},
    scene::{APP, BackEnd, NOW, Scene, app_role},
    situations::{
        OF_APP, OF_CONVERSATION, OF_CREDENTIALS, OF_KEYS, Situation, is_listed, of_app, of_conversation,
    },
};

const HEAD: &str = "\
The policy of Snug: what `policy::decide` answers to the default roles and to every scope of a key.

A test compares this page with the code; `SNUG_UPDATE=1 cargo test -p snug-model` writes it anew. Allowed is `yes`; who is
refused has `-`, and the reason stands at the end of the line. `lacks message.send` is the refusal that names a permission,
`wrong actor` the one for acts of the other kind of actor, `not found` is for what may not be seen. Each situation is the
ordinary one but for what its title says, and only the lines that this changes are printed.
";

#[test]
fn the_policy_is_as_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy.txt");
    let printed = [
        HEAD.to_owned(),
        clients_in_a_conversation(),
        clients_in_the_app(),
        back_ends(),
        system(),
        entered(),
    ];
    let printed = printed.join("\n");
    if env::var_os("SNUG_UPDATE").is_some() {
        fs::write(&path, &printed).expect("the table can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(printed.lines()).position(|(kept, printed)| kept != printed);
    let line = differs.unwrap_or_else(|| kept.lines().count().min(printed.lines().count()));
    assert!(
        kept == printed,
        "who may do what has changed; if that is meant, run this with SNUG_UPDATE=1\nline {}\n  was: {:?}\n  is:  {:?}",
        line + 1,
        kept.lines().nth(line),
        printed.lines().nth(line),
    );
}

fn clients_in_a_conversation() -> String {
    let acts = of_conversation();
    let defaults = roles::defaults();
    let of = |scope| defaults.iter().filter(move |role| role.0 == scope);
    let columns: Vec<(String, PermissionSet, PermissionSet)> = of(permissions::Scope::App)
        .flat_map(|(_, app, of_app)| {
            of(permissions::Scope::Conversation)
                .map(move |(_, name, granted)| (format!("{app} {name}"), *of_app, *granted))
        })
        .collect();
    let mut text = title("Clients in a conversation, by app role and conversation role");
    text.push_str(&grids(&acts, &columns, &[OF_CONVERSATION, OF_CREDENTIALS]));
    text
}

fn clients_in_the_app() -> String {
    let acts = of_app();
    let mut columns: Vec<_> = roles::defaults()
        .into_iter()
        .filter(|(scope, ..)| *scope == permissions::Scope::App)
        .map(|(_, name, granted)| (name.to_owned(), granted, PermissionSet::EMPTY))
        .collect();
    let all = PermissionSet::all();
    let moderator = app_role(roles::MODERATOR);
    let creator = [snug_model::Permission::ConversationCreate].into_iter().collect();
    columns.push(("may create".to_owned(), moderator.union(creator), PermissionSet::EMPTY));
    columns.push(("has all".to_owned(), all, PermissionSet::EMPTY));
    let mut text = title("Clients in the app, by app role");
    text.push_str(&grids(&acts, &columns, &[OF_APP, OF_CREDENTIALS]));
    text
}

/// The ordinary situation of clients with these roles, whole, and what each situation changes of it.
fn grids(
    acts: &[(&'static str, Action)],
    columns: &[(String, PermissionSet, PermissionSet)],
    situations: &[&[Situation<Scene>]],
) -> String {
    let names: Vec<_> = columns.iter().map(|(name, ..)| name.clone()).collect();
    let grid = |change: fn(&mut Scene)| {
        Grid::new(acts, &names, |act, column| {
            let (_, of_app, of_conversation) = &columns[column];
            let mut scene = Scene::new(*of_app, *of_conversation);
            change(&mut scene);
            scene.decide(act)
        })
    };
    let ordinary = grid(|_| ());
    let mut text = format!("ordinary\n{}", ordinary.print(None));
    for (name, change) in situations.iter().copied().flatten() {
        text.push_str(&format!("\n{name}\n{}", grid(*change).print(Some(&ordinary))));
    }
    text
}

fn back_ends() -> String {
    let acts: Vec<_> = of_app().into_iter().chain(of_conversation()).collect();
    let mut text = title("Back ends: which scopes, each alone, allow an act");
    text.push_str("ordinary\n");
    let ordinary: Vec<_> = acts.iter().map(|(name, act)| scopes_line(name, act, |_| ())).collect();
    text.push_str(&ordinary.concat());
    for (name, change) in OF_KEYS {
        let lines: Vec<_> = acts.iter().map(|(name, act)| scopes_line(name, act, *change)).collect();
        let said = |line: &String| line[ACT_WIDTH..].trim().to_owned();
        let alike = |line: &String| lines.iter().filter(|other| said(other) == said(line)).count();
        let most = lines.iter().max_by_key(|line| alike(line)).filter(|line| alike(line) * 2 > lines.len());
        let shown = |(line, ordinary): &(&String, &String)| {
            most.map_or(line != ordinary, |most| said(line) != said(most))
        };
        let shown: Vec<_> =
            lines.iter().zip(&ordinary).filter(shown).map(|(line, _)| line.as_str()).collect();
        let rest = if shown.is_empty() { "every act" } else { "the rest" };
        let said = most.map_or("as ordinary".to_owned(), said);
        text.push_str(&format!("\n{name}\n{}  {rest}: {said}\n", shown.concat()));
    }
    text
}

/// An act with the scopes that allow it, each held alone, or with why all are refused.
fn scopes_line(name: &str, act: &Action, change: fn(&mut BackEnd)) -> String {
    let decide = |scopes: ScopeSet| {
        let mut back_end = BackEnd::new(scopes);
        change(&mut back_end);
        Cell::new(&back_end.decide(act))
    };
    let alone = |scope: &Scope| [ScopeSet::EMPTY.with(*scope), ScopeSet::EMPTY.with_read(*scope)];
    let allowed: Vec<_> = Scope::ALL
        .iter()
        .flat_map(alone)
        .filter(|scopes| matches!(decide(*scopes), Cell::Allowed(..)))
        .flat_map(ScopeSet::names)
        .collect();
    let all = Scope::ALL.iter().fold(ScopeSet::EMPTY, |set, scope| set.with(*scope));
    let said = match decide(all) {
        Cell::Denied(reason) => reason,
        Cell::Allowed(..) if allowed.is_empty() => "no scope alone".to_owned(),
        Cell::Allowed(..) => allowed.join(", "),
    };
    format!("  {name:<width$}{said}\n", width = ACT_WIDTH - 2)
}

/// The server itself is asked for the sake of its permit alone.
fn system() -> String {
    let scene = Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY);
    for (_, act) in of_app().iter().chain(&of_conversation()) {
        is_listed(act);
        assert!(policy::decide(&Actor::System(APP), act, &scene.facts, NOW).is_ok());
    }
    format!("{}  every act: yes\n", title("The server itself"))
}

/// As which act each is entered in the audit, by who does it; those that are not entered are left out.
fn entered() -> String {
    let back_end = Actor::Key(BackEnd::new(ScopeSet::EMPTY).actor);
    let client = Actor::User(Scene::new(PermissionSet::EMPTY, PermissionSet::EMPTY).client);
    let actors = [("back end", back_end), ("client", client), ("server", Actor::System(APP))];
    let mut text = title("As what an act is entered in the audit, of whom it is");
    for (name, act) in of_app().into_iter().chain(of_conversation()) {
        let of = |(_, actor): &&(&str, Actor)| policy::entered(actor, &act).is_some();
        let by: Vec<_> = actors.iter().filter(of).map(|(by, _)| *by).collect();
        let entered = actors.iter().find_map(|(_, actor)| policy::entered(actor, &act));
        if let Some(entered) = entered {
            text.push_str(&format!("  {name:<36}{entered:<26}{}\n", by.join(", ")));
        }
    }
    text
}

fn title(text: &str) -> String {
    format!("{text}\n{}\n\n", "=".repeat(text.len()))
}

/// The width of the column of acts in the table of back ends.
const ACT_WIDTH: usize = 38;
