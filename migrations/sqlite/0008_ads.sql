-- The queue narrowed by an ad.
create index referral_ad on referral (ad_id, conversation_id) where ad_id is not null;
