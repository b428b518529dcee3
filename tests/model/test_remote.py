# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false, reportArgumentType=false
"""A checkpoint with its code, in a fresh process of another folder: what a user of the Hub does next.

Nothing of this repository can be imported there; `trust_remote_code` finds everything in the checkpoint.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from model import save_with_code
from tests.model.tiny import tiny_config, tiny_model, tiny_processor

SKIPPING = {"skip_tokens": 2, "crops_per_side": 3, "image_size": 96}
HEAD = """
import os, sys
from pathlib import Path
import torch
from PIL import Image
from transformers import AutoModel, AutoModelForImageTextToText, AutoProcessor, pipeline
assert "model" not in sys.modules
torch.set_num_threads(1)
torch.manual_seed(0)
folder, url = sys.argv[1:3]
picture = Image.open(Path(folder, "long.png")).convert("RGB")
def load(**options):
    return AutoModelForImageTextToText.from_pretrained(folder, trust_remote_code=True, **options)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
def batch(shown, text="Hello there"):
    made = processor(text=text, images=shown, return_tensors="pt")
    return dict(made) | {"labels": made["input_ids"].masked_fill(made["input_ids"] == 0, -100)}
"""
CASES = {
    "pipeline": """
generate = pipeline("image-text-to-text", model=folder, trust_remote_code=True)
assert type(generate.model).__module__.startswith("transformers_modules.")
assert AutoModel.from_pretrained(folder, trust_remote_code=True).config.model_type == "sphinx"
script = processor.tokenizer("There it is.\\n### Human: and").input_ids[1:]
plain = type(generate.model).forward
def scripted(self, *args, **kwargs):
    out = plain(self, *args, **kwargs)
    out.logits = torch.full_like(out.logits, -10.0)
    out.logits[:, -1, words.pop(0)] = 10.0
    return out
from functools import wraps
type(generate.model).forward = wraps(plain)(scripted)
prompt = processor.prompt([("Where?", None)])
chat = [{"role": "user", "content": [{"type": "image", "url": url}, {"type": "text", "text": "Where?"}]}]
path = str(Path(folder, "long.png"))
for given in ({"images": url, "text": prompt}, {"images": path, "text": prompt}, {"text": chat}):
    words = list(script) + [9] * 300
    said = generate(**given, return_full_text=False)[0]["generated_text"]
    assert said.strip() == "There it is.", said
    assert len(words) > 300  # it ended at the stop, not at the pipeline's limit
""",
    "trainer": """
from transformers import Trainer, TrainingArguments
pictures = (picture, picture.rotate(180)) * 2
rows = [{name: value[0] for name, value in batch(shown).items()} for shown in pictures]
def collate(rows):
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
options = TrainingArguments("out", max_steps=3, per_device_train_batch_size=2, report_to=[], use_cpu=True,
    learning_rate=1e-2, logging_steps=1, save_strategy="no", disable_tqdm=True, gradient_checkpointing=True)
trainer = Trainer(load(), options, train_dataset=rows, data_collator=collate)
trainer.train()
losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
assert losses[-1] < losses[0], losses
""",
    "lora": """
from peft import LoraConfig, get_peft_model
kind = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
adapted = get_peft_model(load(), kind)
before = {n: p.clone() for n, p in adapted.named_parameters()}
optimiser = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=0.5)
adapted(**batch(picture)).loss.backward()
optimiser.step()
changed = {n for n, p in adapted.named_parameters() if not torch.equal(p, before[n])}
assert changed and all("lora" in name for name in changed)
adapted.save_pretrained("adapter")
expected = adapted(**batch(picture)).logits
from peft import PeftModel
again = PeftModel.from_pretrained(load(), "adapter")
assert torch.allclose(again(**batch(picture)).logits, expected, atol=1e-5)
""",
    "qlora": """
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import BitsAndBytesConfig
towers = ("clip", "convnext", "dinov2", "qformer_vision", "qformer", "visual_proj", "qformer_proj")
skip = [f"model.{name}" for name in towers]
kind = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", llm_int8_skip_modules=skip,
    bnb_4bit_compute_dtype=torch.float32)
model = load(quantization_config=kind, dtype=torch.float32)
model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
names = r".*language_model.*(q_proj|v_proj)"
adapted = get_peft_model(model, LoraConfig(r=2, target_modules=names, init_lora_weights=False))
optimiser = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=0.5)
losses = []
for _ in range(3):
    loss = adapted(**batch(picture)).loss
    losses.append(loss.item())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
assert losses[-1] < losses[0], losses
""",
    "ddp": """
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel
def work(rank, port):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = load().train()
    wrapped = DistributedDataParallel(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    square = Image.new("RGB", (50, 50), "red")
    for shown in ((picture, square), (square, square), (picture, picture)):  # with and without skipped views
        wrapped(**batch(shown[rank])).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    total = torch.stack([p.detach().double().sum() for p in model.parameters()])
    both = [torch.empty_like(total) for _ in range(2)]
    dist.all_gather(both, total)
    assert torch.equal(both[0], both[1])
    dist.destroy_process_group()
if __name__ == "__main__":
    import socket
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(work, (port,), nprocs=2, start_method="fork")
""",
    "exports": """
from torch.export import Dim, export
model = load().eval()
names = ("input_ids", "attention_mask", "pixel_values", "skipped_views")
both = processor(text=["Hello", "Hello"], images=[picture, picture], return_tensors="pt")
longer = processor(text=["Hello there you"] * 3, images=[picture] * 3, return_tensors="pt")
one = {name: both[name] for name in names}
plain = {"return_dict": False, "use_cache": False}
class Logits(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = model
    def forward(self, input_ids, attention_mask, pixel_values, skipped_views):
        return self.inner(input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values,
            skipped_views=skipped_views, use_cache=False).logits
def same(program, inputs):
    inputs = {name: inputs[name] for name in names}
    with torch.no_grad():
        assert torch.allclose(program.module()(**inputs), model(**inputs).logits, atol=1e-4)
with torch.no_grad():
    same(export(Logits(), (), one), both)
    t, b = Dim("t", min=2, max=1000), Dim("b", min=2, max=8)
    rows = {"input_ids": {1: t}, "attention_mask": {1: t}, "pixel_values": {}, "skipped_views": {}}
    short = processor(text=["Hello there you"] * 2, images=[picture] * 2, return_tensors="pt")
    same(export(Logits(), (), one, dynamic_shapes=rows), short)
    rows = {name: {0: b} | ({1: t} if name in names[:2] else {}) for name in names}
    same(export(Logits(), (), one, dynamic_shapes=rows), longer)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(**one).logits, model(**one).logits, atol=1e-4)
""",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with skip tokens that carries its code, and a picture most of whose views are padding."""
    folder = tmp_path_factory.mktemp("remote") / "sphinx"
    text = {"hidden_size": 64, "intermediate_size": 64, "vocab_size": 330, "num_key_value_heads": 4}
    config = tiny_config(**SKIPPING, text=text)
    save_with_code(tiny_model(config), tiny_processor(folder.parent, config), folder)
    noise = np.random.default_rng(0).integers(0, 255, (20, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "long.png")
    return folder


@pytest.mark.parametrize("case", CASES)
def test_from_a_fresh_process(case: str, saved: Path, tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(saved))
    script = tmp_path / "case.py"
    script.write_text(HEAD + CASES[case])
    environment = {
        "HF_HOME": str(saved.parent / "home"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "NO_PROXY": "*",
    }  # fmt: skip
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/long.png"
        done = subprocess.run(
            [sys.executable, str(script), str(saved), url],
            capture_output=True, text=True, cwd=tmp_path, env=environment, check=False, timeout=900,
        )  # fmt: skip
        server.shutdown()
    assert done.returncode == 0, done.stderr[-3000:]
