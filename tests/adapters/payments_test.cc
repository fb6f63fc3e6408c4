// Payments, the ERP and the messages: small books that must add up.
#include "adapters/reference/payments.h"

#include <gtest/gtest.h>

#include "adapters/reference/erp.h"
#include "adapters/reference/notify.h"
#include "tests/adapters/reference_adapter.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using test::body_of;

json amount(int qty) { return {{"currency", "EUR"}, {"qty", qty}}; }

TEST(PaymentsTest, AuthorisedIsCapturedPlusVoided) {
  test::ReferenceAdapter bank{payments_adapter()};
  const json hold = body_of(bank.send("authorise", amount(500), "authorise"));
  EXPECT_EQ(hold["state"], "ok");
  EXPECT_EQ(hold["qty"], 500);
  EXPECT_EQ(bank.send("capture", {{"qty", 501}}, "c1").error.code, "over_captured");
  EXPECT_EQ(body_of(bank.send("capture", {{"qty", 420}}, "capture"))["qty"], 420);
  EXPECT_EQ(bank.number("SELECT voided FROM authorisation"), 80);
  EXPECT_EQ(bank.undo("void", amount(500), "authorise").error.code, "already_captured");
  EXPECT_EQ(bank.send("capture", {{"qty", 1}}, "c2").error.code, "unknown_authorisation");
  EXPECT_EQ(bank.send("capture", {{"qty", 1}}, "c3", "stranger").error.code,
            "unknown_authorisation");
}

TEST(PaymentsTest, TheUndoVoids) {
  test::ReferenceAdapter bank{payments_adapter()};
  body_of(bank.send("authorise", amount(500), "authorise"));
  EXPECT_EQ(body_of(bank.send("find_by_key", {}, "authorise"))["state"], "done");
  body_of(bank.undo("void", amount(500), "authorise"));
  EXPECT_EQ(bank.number("SELECT voided FROM authorisation"), 500);
  EXPECT_EQ(body_of(bank.send("find_by_key", {}, "authorise"))["state"], "undone");
  EXPECT_EQ(bank.send("authorise", amount(500), "authorise").error.code, "fenced");
}

TEST(PaymentsTest, DeclinesByRule) {
  const auto rules = std::make_shared<PaymentRules>();
  rules->decline_above = 1000;
  rules->decline_ending = 13;
  test::ReferenceAdapter bank{payments_adapter(rules)};
  const auto code = [&](json input) {
    return bank.send("authorise", std::move(input), "a").error.code;
  };
  EXPECT_EQ(code(amount(1001)), "payment_declined");
  EXPECT_EQ(code(amount(213)), "payment_declined");
  json marked = amount(100);
  marked["customer_id"] = "declined-7";
  EXPECT_EQ(code(marked), "payment_declined");
  EXPECT_EQ(code(amount(0)), "bad_input");
  EXPECT_EQ(bank.number("SELECT count(*) FROM authorisation"), 0);
  body_of(bank.send("authorise", amount(1000), "a"));
}

TEST(PaymentsTest, SomePaymentsAreConfirmedLater) {
  const auto rules = std::make_shared<PaymentRules>();
  rules->pending_ending = 77;
  test::ReferenceAdapter bank{payments_adapter(rules)};
  EXPECT_EQ(body_of(bank.send("authorise", amount(177), "authorise"))["state"], "pending");
  EXPECT_EQ(bank.number("SELECT count(*) FROM weft_outbox WHERE target = 'payment.confirmed'"), 1);
}

TEST(PaymentsTest, NoMoreIsRefundedThanWasCaptured) {
  test::ReferenceAdapter bank{payments_adapter()};
  body_of(bank.send("authorise", amount(500), "authorise"));
  body_of(bank.send("capture", {{"qty", 500}}, "capture"));
  json refund = amount(300);
  refund["order_id"] = "o1";
  body_of(bank.send("refund", refund, "refund", "return1"));
  EXPECT_EQ(bank.send("refund", refund, "refund", "return2").error.code, "over_refunded");
}

TEST(ErpTest, OneLiveOrderForEachExternalId) {
  test::ReferenceAdapter erp{erp_adapter()};
  const json order = {{"external_id", "o1"}, {"total_minor", 100}, {"lines", json::array()}};
  const json made = body_of(erp.send("create_order", order, "erp_order"));
  EXPECT_EQ(made["number"], "ERP-1");
  EXPECT_EQ(erp.send("create_order", order, "erp_order", "other").error.code, "duplicate_order");
  body_of(erp.undo("cancel_order", {{"external_id", "o1"}}, "erp_order"));
  body_of(erp.send("create_order", order, "erp_order", "other"));
  EXPECT_EQ(erp.number("SELECT count(*) FROM erp_order WHERE state = 'open'"), 1);
}

TEST(ErpTest, InvoicesAndCreditNotes) {
  test::ReferenceAdapter erp{erp_adapter()};
  const json order = {{"external_id", "o1"}, {"total_minor", 100}};
  body_of(erp.send("create_order", order, "erp_order"));
  const json invoice = {{"external_id", "o1"}, {"lines", {{{"sku", "tea"}, {"qty", 2}}}}};
  body_of(erp.send("post_invoice", invoice, "invoice"));
  EXPECT_EQ(erp.send("post_invoice", invoice, "again").error.code, "unknown_order");
  EXPECT_EQ(erp.undo("cancel_order", order, "erp_order").error.code, "already_invoiced");
  body_of(erp.send("post_credit_note",
                   {{"external_id", "o1"}, {"return_id", "r1"}, {"total_minor", 50}}, "credit"));
  EXPECT_EQ(erp.number("SELECT qty FROM invoice"), 2);
}

TEST(ErpTest, RejectsByRule) {
  const auto rules = std::make_shared<ErpRules>();
  rules->reject_ending = 99;
  rules->reject_above = 5000;
  test::ReferenceAdapter erp{erp_adapter(rules)};
  for (const int total : {199, 5001}) {
    EXPECT_EQ(
        erp.send("create_order", {{"external_id", "o"}, {"total_minor", total}}, "e").error.code,
        "erp_rejected");
  }
}

TEST(NotifyTest, EachMessageOnce) {
  test::ReferenceAdapter notify{notify_adapter()};
  const json message = {{"to", "anna"}, {"template", "hello"}};
  body_of(notify.send("send", message, "tell"));
  body_of(notify.send("send", message, "tell"));
  EXPECT_EQ(notify.number("SELECT count(*) FROM message"), 1);
  body_of(notify.undo("send", {{"to", "anna"}, {"template", "sorry"}}, "tell"));
  EXPECT_EQ(notify.number("SELECT count(*) FROM message"), 2);
  body_of(notify.undo("send", {{"to", "bert"}, {"template", "sorry"}}, "never_told"));
  EXPECT_EQ(notify.number("SELECT count(*) FROM message"), 2);
}

TEST(NotifyTest, ChannelsHearTheLatest) {
  test::ReferenceAdapter notify{notify_adapter()};
  for (const int available : {5, 3}) {
    body_of(
        notify.send("publish_stock",
                    {{"channel", "web"}, {"sku", "tea"}, {"items", {{{"available", available}}}}},
                    "p" + std::to_string(available)));
  }
  EXPECT_EQ(notify.number("SELECT json_extract(items, '$[0].available') FROM published"), 3);
  EXPECT_EQ(notify.number("SELECT times FROM published"), 2);
}

}  // namespace
}  // namespace weft::reference
