from gateway.authn.assumed import assumed_requester


def test_nobody_vouches_for_an_assumed_requester() -> None:
    requester = assumed_requester("CORP\\alice", "Certificate")

    assert (requester.account, requester.authentication) == ("CORP\\alice", "Certificate")
    assert not requester.is_verified
