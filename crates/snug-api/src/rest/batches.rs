//! Batches of users and of messages.

use axum::http::{Method, StatusCode};
use snug_core::{Error, Outcome};
use snug_model::Invalid;
use snug_wire::{
    Problem,
    batches::{MessageBatch, MessageResult, MessageResults, UserBatch, UserResult, UserResults, within},
    paging::NoQuery,
};

use super::made;
use crate::{
    call::{Answered, Call, reply},
    problem::problem,
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users",
            "putUsers",
            "Makes or replaces up to 100 users, each with a result of its own.",
            Takes::back_end("users"),
            put_users,
        )
        .body::<UserBatch>()
        .answers::<UserResults>(200)
        .pays_by_item(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/messages/batch",
            "sendMessages",
            "Sends up to 100 messages in one commit, each with a result of its own.",
            Takes::back_end("messages"),
            send_messages,
        )
        .body::<MessageBatch>()
        .answers::<MessageResults>(200)
        .pays_by_item(),
    ]
}

async fn put_users(call: Call) -> Answered {
    const LIST: &str = "users";
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let items = call.body::<UserBatch>()?.users.named(LIST);
    let (drafts, refused) = apart(items.into_iter().map(|item| item.map(|user| user.into_draft())));
    let outcomes = call.core().put_users(&actor, &drafts).await?;
    let results = together(LIST, outcomes, refused).map(|outcome| match outcome {
        Ok(put) => UserResult { status: made(&put).as_u16(), user: Some(put.value.into()), problem: None },
        Err(problem) => UserResult { status: problem.status, user: None, problem: Some(*problem) },
    });
    reply(StatusCode::OK, &UserResults { results: results.collect() })
}

async fn send_messages(call: Call) -> Answered {
    const LIST: &str = "messages";
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let items = call.body::<MessageBatch>()?.messages.named(LIST).into_iter().enumerate();
    let (drafts, refused) = apart(items.map(|(place, item)| {
        item.and_then(|draft| draft.try_into().map_err(|invalid| within(LIST, place, invalid)))
    }));
    let drafts: Vec<_> = drafts.iter().collect();
    let outcomes = call.core().send_batch(&actor, &call.conversation()?, &drafts).await?;
    let results = together(LIST, outcomes, refused).map(|outcome| match outcome {
        Ok(sent) => {
            MessageResult { status: made(&sent).as_u16(), message: Some(sent.value.into()), problem: None }
        }
        Err(problem) => MessageResult { status: problem.status, message: None, problem: Some(*problem) },
    });
    reply(StatusCode::OK, &MessageResults { results: results.collect() })
}

/// What can be tried, and at each place what cannot.
fn apart<T>(items: impl Iterator<Item = Result<T, Invalid>>) -> (Vec<T>, Vec<Option<Invalid>>) {
    let (mut tried, mut refused) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => {
                tried.push(item);
                refused.push(None);
            }
            Err(invalid) => refused.push(Some(invalid)),
        }
    }
    (tried, refused)
}

/// What became of each item, in the order of the batch.
fn together<T>(
    list: &str,
    tried: Vec<Result<Outcome<T>, Error>>,
    refused: Vec<Option<Invalid>>,
) -> impl Iterator<Item = Result<Outcome<T>, Box<Problem>>> {
    let mut tried = tried.into_iter();
    refused.into_iter().enumerate().map(move |(place, refused)| match refused {
        Some(invalid) => Err(Box::new(invalid.into())),
        None => match tried.next() {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(Error::Invalid(invalid))) => Err(Box::new(within(list, place, invalid).into())),
            Some(Err(error)) => Err(Box::new(problem(error))),
            None => Err(Box::new(problem(Error::internal("an item of a batch without an outcome")))),
        },
    })
}
