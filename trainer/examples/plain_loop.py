"""A plain loop, after: three lines more, and a preemption costs what came since the last checkpoint."""

import os

import torch

from lowtide import Plan, SpotSession

STEPS = 60


def main():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    with SpotSession(Plan.read(os.environ["LOWTIDE_PLAN"]), model=model, optimizer=optimizer) as session:
        for step in session.steps(STEPS):
            inputs = torch.randn(32, 16, generator=torch.Generator().manual_seed(step))
            loss = (model(inputs).squeeze() - inputs.sum(1)).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            print(f"step {step + 1}, loss {loss.item():.4f}")
            session.tick(loss=loss, tokens=0)


if __name__ == "__main__":
    main()
