//! The committers: appends that arrive while a commit is being synced to disk share the next one. Each conversation is
//! with one of them, so that its messages never wait for each other's locks.

use std::sync::Arc;

use snug_model::{ConversationKey, Permit};
use tokio::sync::{mpsc, oneshot};

use super::{
    Options,
    append::{self, Answer, Append},
    conversations,
    pool::{Pool, give_back},
    schema::Address,
    sql::Sql,
};
use crate::{NewMessage, StoreError, StoreResult};

/// Appends that may wait for one committer; who comes then waits to be let in.
const QUEUE_APPENDS_MAX: usize = 4096;

/// Appends of one commit, so that the first of them does not wait for ever.
const BATCH_APPENDS_MAX: usize = 256;

/// Hands appends to the tasks that commit them; those end once this is dropped, after what they have taken.
pub(super) struct Committers {
    queues: Vec<mpsc::Sender<Waiting>>,
    pool: Arc<Pool>,
}

/// Who waits for it.
type Reply = oneshot::Sender<Answer>;

/// An append in the queue.
struct Waiting {
    append: Append,
    reply: Reply,
}

impl Committers {
    /// Starts the tasks, with a connection for each.
    pub(super) fn start(address: &Address, options: &Options) -> StoreResult<Self> {
        let count = options.committers.max(1);
        let pool = Arc::new(Pool::new(address, count, options)?);
        let start = |_| {
            let (queue, waiting) = mpsc::channel(QUEUE_APPENDS_MAX);
            let committer = Committer {
                pool: Arc::clone(&pool),
                compares: options.compares(),
                early: options.answers_early(),
            };
            tokio::spawn(committer.work(waiting));
            queue
        };
        Ok(Self { queues: (0..count).map(start).collect(), pool })
    }

    /// Rows that statements have handed over so far.
    pub(super) fn rows(&self) -> u64 {
        self.pool.rows()
    }

    /// Appends messages, and answers once the commit that they are part of is on stable storage.
    pub(super) async fn append(&self, permit: &Permit, messages: Vec<NewMessage>) -> Answer {
        let queue = self.queue(conversations::of(permit)?);
        let (reply, answer) = oneshot::channel();
        let append = Append { permit: permit.clone(), messages };
        queue.send(Waiting { append, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Row numbers are given one after the other, so that their remainders spread conversations evenly.
    fn queue(&self, conversation: ConversationKey) -> &mpsc::Sender<Waiting> {
        let index = conversation.0.unsigned_abs() % self.queues.len() as u64;
        &self.queues[index as usize]
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the committer has stopped".to_owned())
}

/// A task's own side.
struct Committer {
    pool: Arc<Pool>,
    compares: bool,
    /// Answers before the commit: a fault on purpose, which only a test can ask for.
    early: bool,
}

impl Committer {
    async fn work(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::with_capacity(BATCH_APPENDS_MAX);
        while waiting.recv_many(&mut batch, BATCH_APPENDS_MAX).await > 0 {
            let (appends, mut replies): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|waiting| (waiting.append, waiting.reply)).unzip();
            let mut answers = match self.commit(&appends, &mut replies).await {
                Ok(answers) => answers,
                Err(failure) => {
                    tracing::error!(error = %failure, appends = appends.len(), "a commit failed");
                    appends.iter().map(|_| Err(again(&failure))).collect()
                }
            };
            answer(&mut replies, &mut answers);
        }
    }

    /// Commits a batch in one transaction. Where another was in its way it is done anew, once.
    async fn commit(&self, appends: &[Append], replies: &mut Vec<Reply>) -> StoreResult<Vec<Answer>> {
        let connection = self.pool.connection().await?;
        let mut may_try_again = true;
        let result = loop {
            let sql = &self.pool.alone(&connection);
            match self.commit_once(sql, appends, replies).await {
                Err(_) if sql.was_in_the_way() && may_try_again => may_try_again = false,
                result => break result,
            }
        };
        give_back(connection, &result);
        result
    }

    /// Goes to the database and back once; and once or twice more where something has to be looked at first, which is most
    /// often known before.
    async fn commit_once(
        &self,
        sql: &Sql<'_>,
        appends: &[Append],
        replies: &mut Vec<Reply>,
    ) -> StoreResult<Vec<Answer>> {
        append::prepare(sql).await?;
        let begin = self.pool.begin_shared(&appends.iter().map(|append| append.permit.app()).collect());
        if !self.early
            && let Some(answers) = append::at_once(sql, &begin, appends, self.compares).await?
        {
            return Ok(answers);
        }
        self.look_and_commit(sql, &begin, appends, replies).await
    }

    /// What decides is asked for together with the beginning of the transaction, and what is written goes together with its
    /// end.
    async fn look_and_commit(
        &self,
        sql: &Sql<'_>,
        begin: &str,
        appends: &[Append],
        replies: &mut Vec<Reply>,
    ) -> StoreResult<Vec<Answer>> {
        let filled = async {
            let ((), mut looked) =
                tokio::try_join!(biased; sql.run_plain(begin), append::look(sql, appends, self.compares))?;
            let answers = looked.fill(sql, appends).await?;
            Ok((looked, answers))
        };
        let (looked, mut answers) = match filled.await {
            Ok(filled) => filled,
            Err(error) => {
                // Where even this fails the connection does, and the transaction with it.
                let _ = sql.run_plain("ROLLBACK").await;
                return Err(error);
            }
        };
        if self.early {
            answer(replies, &mut answers);
        }
        looked.commit(sql).await?;
        Ok(answers)
    }
}

/// Answers those who wait, each with its own.
fn answer(replies: &mut Vec<Reply>, answers: &mut Vec<Answer>) {
    for (reply, answer) in replies.drain(..).zip(answers.drain(..)) {
        // Who asked may have gone; the message is appended all the same.
        let _ = reply.send(answer);
    }
}

/// The failure of a batch, for one more of those who wait for it.
fn again(failure: &StoreError) -> StoreError {
    match failure {
        StoreError::Unknown(why) => StoreError::Unknown(why.clone()),
        StoreError::Corrupt(why) => StoreError::Corrupt(why.clone()),
        failure => StoreError::Unavailable(failure.to_string()),
    }
}
