"""The trainer stands alone: what runs on the GPU node, beside a user's own code."""
