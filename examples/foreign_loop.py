"""A training loop of your own with slots: `python examples/foreign_loop.py`. Runs on a CPU in seconds."""

import torch
from torch import nn

from slotdeck import SlotOptimizer

STEPS, SLOTS, WIDTH, VOCAB = 40, 6, 32, 16


class Net(nn.Module):  # any will do whose blocks are in a ModuleList and keep the shape of their input
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 64, 0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, SLOTS, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCAB)

    def forward(self, x):
        return self.head(self.body(self.embed(x)))


torch.manual_seed(1)
model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
slots = SlotOptimizer(num_slots=SLOTS, device="cpu", config={"policy": "anneal", "total_steps": STEPS})
slots.bind(model, optimizer)
for step in range(STEPS):
    x = torch.randint(VOCAB, (8, 12))
    plan = slots.get_training_config(epoch=0, step=step)
    with plan["precision_context"]:
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), (5 * x + 3).remainder(VOCAB).flatten())
    (loss + slots.get_regularization_loss()).backward()
    optimizer.step()
    optimizer.zero_grad()
    slots.update_metrics({"loss": loss.item(), "active_slots": plan["active_slots"]})
    if step % 13 == 0:
        print(f"step {step:2}  loss {loss.item():.3f}  {plan['reason']}:", *plan["duty"].values())
print(f"block work {slots.block_work:.3f}")
