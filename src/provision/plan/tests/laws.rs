use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::any::{self, Edit};
use super::server::Server;
use crate::provision::compare::{differences, extras};
use crate::provision::guard::Refusal;
use crate::provision::import::template;
use crate::provision::object::{Desired, Identity, Kind, Live, Mark, Subject, World};
use crate::provision::plan::{Action, Cause, Options, Plan, plan, plan_each};

fn options() -> Options {
    Options {
        namespace: "main".into(),
        now: 1_800_000_000,
        grace_seconds: 3600,
        accept_shrunk: true,
        ..Options::default()
    }
}

fn planned(desired: &[Desired], server: &Server) -> Plan {
    plan(desired, &server.world(), &options()).unwrap()
}

impl Server {
    /// Somebody works in the user interface, on an object that carries our mark.
    fn edit(&mut self, (which, edit): &(prop::sample::Index, Edit)) {
        if self.objects.is_empty() {
            return;
        }
        let key = which.get(&self.objects.keys().cloned().collect::<Vec<_>>()).clone();
        let mut body = self.objects[&key].clone();
        let widgets = body.get_mut("widgets").and_then(Value::as_array_mut);
        match (edit, widgets) {
            (Edit::Delete, _) => {
                self.objects.remove(&key);
                return;
            }
            (Edit::Rename(name), _) => body[key.0.title_key()] = json!(name),
            (Edit::AddTag(tag), _) => {
                let tags = body.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
                body["tags"] = tags.into_iter().chain([json!(tag)]).collect();
            }
            (Edit::RemoveTags, _) => {
                let ours = |tag: &Value| tag.as_str().is_some_and(|tag| tag.starts_with("ddsync_"));
                body["tags"] = body
                    .get("tags")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter(|t| ours(t))
                    .cloned()
                    .collect();
            }
            (Edit::ReverseWidgets, Some(widgets)) => widgets.reverse(),
            (Edit::RemoveWidget, Some(widgets)) => widgets.truncate(widgets.len().saturating_sub(1)),
            (Edit::AddWidget(widget), Some(widgets)) => widgets.insert(0, widget.clone()),
            (Edit::Set(key, value), _) => body[*key] = value.clone(),
            _ => return,
        }
        let id = body["id"].clone();
        self.put(key.0, id, &body);
    }
}

/// An object that is not ours: unmarked, or of another installation.
fn foreign() -> impl Strategy<Value = (Kind, Value)> {
    let kind = prop_oneof![Just(Kind::Monitor), Just(Kind::Slo), Just(Kind::Dashboard)];
    let body = kind.prop_flat_map(|kind| any::body(kind).prop_map(move |body| (kind, body)));
    (body, any::<bool>()).prop_map(|((kind, mut body), marked)| {
        if marked {
            let identity = Identity::new("fleet", Subject::Global);
            let mark =
                Mark { namespace: "other".into(), identity, digest: "x".into(), gone_since: Some(1), owned: None };
            mark.write(kind, &mut body);
        }
        (kind, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn for_all_histories_a_second_plan_is_empty(
        before in any::desired(), after in any::desired(), edits in vec(any::edit(), 0..6),
    ) {
        let mut server = Server::default();
        server.apply(&planned(&before, &server));
        prop_assert_eq!(planned(&before, &server).steps, []);
        for edit in &edits {
            server.edit(edit);
        }
        server.apply(&planned(&after, &server));
        let second = planned(&after, &server);
        prop_assert_eq!(&second.steps, &[]);
        prop_assert_eq!(second.unchanged, after.len());
    }

    #[test]
    fn for_all_worlds_a_plan_made_object_by_object_is_the_same(
        before in any::desired(), mut after in any::desired(), twice in any::<bool>(), prune in any::<bool>(),
    ) {
        let mut server = Server::default();
        server.apply(&planned(&before, &server));
        after.extend(after.first().cloned().filter(|_| twice));
        let world = server.world();
        let options = Options { prune, ..options() };
        let each = |take: &mut dyn FnMut(&Desired)| -> Result<(), Refusal> {
            after.iter().for_each(take);
            Ok(())
        };
        prop_assert_eq!(plan_each(each, &world, &options), plan(&after, &world, &options).map(Some));
        let recreate = Options { recreate: true, ..options };
        prop_assert_eq!(plan_each(|_| Ok::<_, Refusal>(()), &world, &recreate), Ok(None));
    }

    #[test]
    fn for_all_worlds_what_is_not_ours_is_not_touched(
        before in any::desired(), after in any::desired(), foreign in vec(foreign(), 1..5), prune in any::<bool>(),
    ) {
        let mut server = Server::default();
        let foreign: Vec<(Kind, String)> = foreign.iter().map(|(kind, body)| (*kind, server.create(*kind, body))).collect();
        let bodies = |server: &Server| foreign.iter().map(|key| server.objects[key].clone()).collect::<Vec<_>>();
        let untouched = bodies(&server);
        let options = Options { prune, grace_seconds: 0, recreate: true, ..options() };
        for desired in [&before, &after, &after] {
            let plan = plan(desired, &server.world(), &options).unwrap();
            for step in &plan.steps {
                let id = step.action.id().map(|id| (step.kind, id.to_owned()));
                prop_assert!(!id.is_some_and(|id| foreign.contains(&id)), "{:?}", step);
            }
            server.apply(&plan);
        }
        let destroyed = crate::provision::plan::destroy_plan(&server.world(), &options);
        server.apply(&destroyed);
        prop_assert_eq!(bodies(&server), untouched);
        prop_assert_eq!(server.objects.len(), foreign.len());
    }

    #[test]
    fn for_all_orders_of_lists_the_plan_is_the_same(
        (server, after, shuffled) in (any::desired(), any::desired(), vec(any::edit(), 0..4)).prop_flat_map(|(before, after, edits)| {
            let mut server = Server::default();
            server.apply(&planned(&before, &server));
            // A race has made some a second time.
            server.apply(&planned(&before[..before.len() / 2], &Server::default()));
            for edit in &edits {
            server.edit(edit);
        }
            let objects = server.world().objects;
            (Just(server), Just(after), Just(objects).prop_shuffle())
        }),
    ) {
        let shuffled = plan(&after, &World::of(shuffled), &options()).unwrap();
        prop_assert_eq!(planned(&after, &server), shuffled);
    }

    #[test]
    fn for_all_objects_an_import_changes_nothing(
        (kind, body) in prop_oneof![Just(Kind::Monitor), Just(Kind::Slo), Just(Kind::Dashboard)]
            .prop_flat_map(|kind| any::body(kind).prop_map(move |body| (kind, body))),
    ) {
        let mut server = Server::default();
        let id = server.create(kind, &body);
        let export = server.objects[&(kind, id.clone())].clone();
        let mut imported = rendered(&template(kind, &export));
        let header = imported.as_object_mut().unwrap().remove("ddsync");
        prop_assert_eq!(&header.unwrap()["scope"], "global");
        prop_assert_eq!(differences(kind, &imported, &export), []);
        prop_assert_eq!(extras(kind, &imported, &export), []);

        let desired = Desired { kind, identity: Identity::new("imported", Subject::Global), body: imported };
        let create = planned(std::slice::from_ref(&desired), &Server::default());
        let adopted = crate::provision::plan::adopt(&create.steps[0], &Live::new(kind, export).unwrap()).unwrap();
        let is_adopted = matches!(&adopted.action, Action::Update { cause: Cause::Adopt, fields, .. } if fields.is_empty());
        prop_assert!(is_adopted, "{:?}", adopted);
        server.apply(&Plan { steps: vec![adopted], ..create });
        prop_assert_eq!(planned(&[desired], &server).steps, []);
    }

    #[test]
    fn for_all_objects_a_template_yaml_reads_back(
        (kind, body) in prop_oneof![Just(Kind::Monitor), Just(Kind::Slo), Just(Kind::Dashboard)]
            .prop_flat_map(|kind| any::body(kind).prop_map(move |body| (kind, body))),
    ) {
        let template = template(kind, &body);
        let text = crate::provision::import::yaml(&template).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        prop_assert_eq!(read, template, "{}", text);
    }

    #[test]
    fn for_all_edits_drift_is_told_from_change(desired in any::desired(), name in "[A-Z]{3}", which in any::<prop::sample::Index>()) {
        prop_assume!(!desired.is_empty());
        let mut server = Server::default();
        server.apply(&planned(&desired, &server));

        let mut edited = server.clone();
        edited.edit(&(which, Edit::Rename(name.clone())));
        let drift = planned(&desired, &edited);
        prop_assert_eq!(causes(&drift), [Cause::Drift]);

        let mut changed = desired.clone();
        let at = which.index(changed.len());
        let key = changed[at].kind.title_key();
        changed[at].body[key] = json!(name);
        let change = planned(&changed, &server);
        prop_assert_eq!(causes(&change), [Cause::Change]);

        let read = Plan::from_json(&change.to_json().unwrap()).unwrap();
        prop_assert_eq!(read, change);
    }
}

fn causes(plan: &Plan) -> Vec<Cause> {
    let cause = |action: &Action| match action {
        Action::Update { cause, .. } => *cause,
        other => panic!("{other:?}"),
    };
    plan.steps.iter().map(|step| cause(&step.action)).collect()
}

/// What the templates' engine makes of a template that holds nothing but texts.
fn rendered(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some(at) = ["<<", "<%", "<#"].iter().filter_map(|start| rest.find(start)).min() {
                let (before, after) = rest.split_at(at);
                let (literal, after) = after.strip_prefix("<< \"").unwrap().split_once("\" >>").unwrap();
                out.extend([before, literal]);
                rest = after;
            }
            Value::String(out + rest)
        }
        Value::Array(items) => items.iter().map(rendered).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), rendered(value))).collect())
        }
        other => other.clone(),
    }
}
