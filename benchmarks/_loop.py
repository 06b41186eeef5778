"""The hand-written torch loop that training is measured against.

What one writes for this network and no other: plain layers, tensors in memory, one forward pass
for both domains, fused Adam, the loss read once a step.
"""

import math

import torch
from _workloads import ALPHA, BATCH_SIZE, LEARNING_RATE
from torch import nn
from torch.nn import functional as F


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, coefficient):
        ctx.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return -ctx.coefficient * grad_output, None


def to_tensors(workload, device="cpu"):
    """Return source rows, labels and target rows, dense, on the device."""
    dense = workload.dense()
    arrays = (dense.X_src, dense.y_src, dense.X_tgt)
    return tuple(torch.from_numpy(array).to(device) for array in arrays)


def train(tensors, n_hidden, n_epochs, *, domain_hidden=None, dropout=0.0):
    """Train a DANN; return its three parts, its optimizer and the label loss of each step.

    `domain_hidden` is the width of the domain classifier's hidden layer, None for no such layer.
    """
    X_src, y_src, X_tgt = tensors
    n_rows, n_features = X_src.shape
    torch.manual_seed(0)
    features = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU())
    if dropout:
        features.append(nn.Dropout(dropout))
    labels = nn.Linear(n_hidden, 2)
    domains = nn.Linear(n_hidden, 1)
    if domain_hidden:
        hidden_layer = nn.Linear(n_hidden, domain_hidden)
        domains = nn.Sequential(hidden_layer, nn.ReLU(), nn.Linear(domain_hidden, 1))
    network = nn.ModuleList([features, labels, domains]).to(X_src.device)
    # One group, so biases decay too: two would cost a second call.
    optimizer = torch.optim.Adam(
        network.parameters(), lr=LEARNING_RATE, weight_decay=ALPHA, fused=True
    )
    n_steps, losses = n_epochs * math.ceil(n_rows / BATCH_SIZE), []
    domain_of = {
        n: torch.cat([torch.ones(n), torch.zeros(n)]).to(X_src.device)
        for n in {min(n_rows, BATCH_SIZE), n_rows % BATCH_SIZE}
    }
    for _ in range(n_epochs):
        source_order = torch.randperm(n_rows).to(X_src.device)
        target_order = torch.randperm(n_rows).to(X_src.device)
        for start in range(0, n_rows, BATCH_SIZE):
            rows = source_order[start : start + BATCH_SIZE]
            X = torch.cat([X_src[rows], X_tgt[target_order[start : start + BATCH_SIZE]]])
            lambda_ = 2 / (1 + math.exp(-10 * len(losses) / n_steps)) - 1
            optimizer.zero_grad()
            hidden = features(X)
            label_loss = F.cross_entropy(labels(hidden[: len(rows)]), y_src[rows])
            domain_logits = domains(Reversal.apply(hidden, lambda_)).squeeze(1)
            # The mean over the source plus the mean over the target.
            domain_loss = 2 * F.binary_cross_entropy_with_logits(
                domain_logits, domain_of[len(rows)]
            )
            (label_loss + domain_loss).backward()
            optimizer.step()
            losses.append(label_loss.item())
    return network, optimizer, losses
