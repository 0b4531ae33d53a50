"""The TRL side: its GRPO trainer as users run it, with step times, memory and accuracy taken from outside."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import addition
from common import memory


def even(prompts, completions, **_: Any) -> list[float]:
    return [addition.is_even(text) for text in completions]


def exact(prompts, completions, answer, **_: Any) -> list[float]:
    return [float(text == gold) for text, gold in zip(completions, answer, strict=True)]


def child(job: dict[str, Any]) -> dict[str, Any]:
    """One run in this process."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(job["threads"])
    net = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    tok = AutoTokenizer.from_pretrained(job["model"])
    train, held = addition.rows(job["long"])
    seconds: list[float] = []
    busy: list[float] = []
    curve: list[list[float]] = []

    class Watch(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            self.look(0)

        def on_step_end(self, args, state, control, **_):
            seconds.append(time.perf_counter() - self.mark)
            busy.append(time.process_time() - self.busy)
            if state.global_step % job["every"] == 0:
                self.look(state.global_step)
            self.restart()

        def look(self, step: int) -> None:
            curve.append([step, addition.sampled_accuracy(net, tok, held)])
            self.restart()

        def restart(self) -> None:
            self.mark, self.busy = time.perf_counter(), time.process_time()

    config = GRPOConfig(
        output_dir=str(Path(job["out"])), per_device_train_batch_size=job["prompts"] * job["group"],
        num_generations=job["group"], gradient_accumulation_steps=1, max_completion_length=addition.NEW_TOKENS,
        temperature=1.0, learning_rate=3e-4, lr_scheduler_type="constant", max_steps=job["steps"], beta=0.0,
        loss_type="dapo", logging_steps=1, save_strategy="no", report_to="none", use_cpu=True, bf16=False,
        gradient_checkpointing=False, seed=job["seed"], max_grad_norm=1.0, weight_decay=0.0,
        dataloader_pin_memory=False, disable_tqdm=True, log_level="error",
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=net, reward_funcs=even if job["long"] else exact, args=config, processing_class=tok, callbacks=[Watch()],
        train_dataset=Dataset.from_list([{"prompt": r.prompt, "answer": r.answer} for r in train]),
    )  # fmt: skip
    before = memory()["now"]
    trainer.train()
    reward = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    return {
        "seconds": seconds,
        "cpu": busy,
        "before": before,
        "peak": memory()["peak"],
        "curve": curve,
        "reward": reward,
    }
