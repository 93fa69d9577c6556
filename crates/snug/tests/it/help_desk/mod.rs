//! A day at a help desk: a shop's page that nobody can trust, a bot that greets, agents who are invited, and one who is banned
//! in the middle of a sentence.

mod people;

use snug_client::wire::Code;

use self::people::HelpDesk;
use crate::stage::{On, on_both_backends};

on_both_backends! {
    a_customer_is_greeted_by_a_bot_and_may_start_nothing_herself,
    agents_are_invited_and_one_of_them_is_banned_in_the_middle_of_a_sentence,
}

async fn a_customer_is_greeted_by_a_bot_and_may_start_nothing_herself(on: On) {
    let desk = HelpDesk::opens(on).await;
    let mut cora = desk.opens_the_page("cora").await;
    assert!(cora.sees_no_conversation().await);

    // Her page is hers to take apart, so that it may start nothing, and speak for nobody.
    cora.creates_a_conversation_with("mallory").await.refused_for("conversation.create");
    cora.renames_herself("The Help Desk").await.refused_for("user.edit_own");

    // The shop's back end signs a greeting, and the page shows it: without words of her own there is a conversation now.
    let greeting = desk.signs_a_greeting_for("cora", "Hello! How can we help?");
    let talk = cora.shows(&greeting).await.done();
    cora.is_told_that_she_is_in(&talk).await;
    cora.hears_the_bot("Helper", "Hello! How can we help?").await;
    cora.says(&talk, "My parcel is late.").await.done();

    // She shows it again, and nothing comes of it; and on another's page it is worth nothing.
    assert_eq!(cora.shows(&greeting).await.done(), talk);
    let mallory = desk.opens_the_page("mallory").await;
    mallory.shows(&greeting).await.refused_as(Code::Invalid);
    mallory.says(&talk, "Let me in.").await.refused_as(Code::NotFound);
    assert_eq!(desk.was_said_in(&talk).await, ["Hello! How can we help?", "My parcel is late."]);
}

async fn agents_are_invited_and_one_of_them_is_banned_in_the_middle_of_a_sentence(on: On) {
    let desk = HelpDesk::opens(on).await;
    let mut cora = desk.opens_the_page("cora").await;
    let mut bea = desk.opens_the_page("bea").await;
    let mut aron = desk.opens_the_page("aron").await;
    let greeting = desk.signs_a_greeting_for("cora", "Hello! How can we help?");
    let talk = cora.shows(&greeting).await.done();
    cora.hears_the_bot("Helper", "Hello! How can we help?").await;

    // The desk invites one agent, and she another, which a customer cannot.
    cora.invites("aron", &talk).await.refused_for("member.add");
    desk.invites("bea", &talk).await;
    bea.is_told_that_she_is_in(&talk).await;
    bea.invites("aron", &talk).await.done();
    aron.is_told_that_she_is_in(&talk).await;
    cora.says(&talk, "My parcel is late.").await.done();
    bea.hears("cora", "My parcel is late.").await;
    aron.hears("cora", "My parcel is late.").await;

    // Aron is typing, has said half of it, and says the other half while the desk bans him.
    aron.types(&talk).await.done();
    cora.sees_typing("aron").await;
    aron.says(&talk, "Your parcel was stolen by").await.done();
    cora.hears("aron", "Your parcel was stolen by").await;
    let (rest, ()) = tokio::join!(aron.says(&talk, "the manager of this shop."), desk.bans("aron"));

    // The other half came before the ban, and was heard, or it was never said; it was said if he was told so.
    let was_said = desk.was_said_in(&talk).await.contains(&"the manager of this shop.".to_owned());
    assert!(was_said || !rest.was_done());
    if was_said {
        cora.hears("aron", "the manager of this shop.").await;
    }
    aron.is_shown_out().await;
    aron.says(&talk, "I am not done!").await.cut_off();
    aron.says_by_rest(&talk, "I am not done!").await.refused_as(Code::Unauthenticated);
    desk.does_not_let_in("aron").await;
    bea.says(&talk, "I am sorry. It arrives tomorrow.").await.done();
    cora.hears("bea", "I am sorry. It arrives tomorrow.").await;

    // It was a mistake. His place was kept, and he reads what he missed.
    desk.lifts_the_ban_of("aron").await;
    aron.says_by_rest(&talk, "I am back.").await.refused_as(Code::Unauthenticated);
    let aron = desk.opens_the_page("aron").await;
    assert_eq!(aron.reads_last(&talk).await, "I am sorry. It arrives tomorrow.");
    aron.says(&talk, "I was hasty.").await.done();
    cora.hears("aron", "I was hasty.").await;
}
