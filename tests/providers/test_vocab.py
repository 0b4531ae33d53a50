import torch

from guerdon.method import registered
from guerdon.ops.kernels import vocab_stats
from guerdon.providers.vocab import VocabStats
from guerdon.signals import SIGNALS


def test_the_card_names_what_the_provider_writes():
    card = registered()["vocab_stats"].card
    assert (card.stage, card.kind) == ("provider", "head")
    assert set(card.writes) <= set(SIGNALS)
    out = VocabStats(chunk=2)(torch.zeros(2, 3), torch.zeros(4, 3), torch.tensor([0, 1]), want=card.writes)
    assert tuple(out) == card.writes


def test_it_is_the_operation():
    h, w, y = torch.randn(3, 2), torch.randn(5, 2), torch.tensor([0, 4, 1])
    ours = VocabStats()(h, w, y, want=("entropy",), temperature=0.5)
    torch.testing.assert_close(ours["entropy"], vocab_stats(h, w, y, want=("entropy",), temperature=0.5)["entropy"])
