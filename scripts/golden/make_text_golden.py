#!/usr/bin/env python3
"""Writes src/text/testdata/*.golden.json: small tokenizers of each kind, texts, and the ids that the reference programs give them.

usage: make_text_golden.py [FOLDER]
Needs the Python environment of the peers (tokenizers 0.23.3, sentencepiece 0.2). Each file holds the tokenizer itself (`tokenizer_json`,
or `model_base64` for a SentencePiece model) and `cases`: text, ids without special tokens, decoded text (null where the reference has
its own way to write unknown pieces). `special_cases` are encoded with special tokens parsed and added.
"""
import base64
import io
import json
import pathlib
import random
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import reference_tokenizers as reference  # noqa: E402
import tokenizer_strings  # noqa: E402

# Sentences of our own, so that the small vocabularies have words to learn.
SENTENCES = [
    "The herder drives the cattle over the old road before the rain comes, and the dogs run beside them.",
    "Every model is trained on the answers that people liked better; the reward model learns which ones they are.",
    "A river that floods in spring leaves good soil behind, and the farmers wait for it every year.",
    "Der Treiber f\u00fchrt die Herde \u00fcber die alte Stra\u00dfe, bevor der Regen kommt, und die Hunde laufen nebenher.",
    "Le berger m\u00e8ne le troupeau sur la vieille route avant que la pluie n'arrive, et les chiens courent \u00e0 c\u00f4t\u00e9.",
    "El pastor lleva el reba\u00f1o por el camino viejo antes de que llegue la lluvia, y los perros corren al lado.",
    "\u041f\u0430\u0441\u0442\u0443\u0445 \u0433\u043e\u043d\u0438\u0442 \u0441\u0442\u0430\u0434\u043e \u043f\u043e \u0441\u0442\u0430\u0440\u043e\u0439 \u0434\u043e\u0440\u043e\u0433\u0435, \u043f\u043e\u043a\u0430 \u043d\u0435 \u043f\u043e\u0448\u0451\u043b \u0434\u043e\u0436\u0434\u044c.",
    "\u7267\u4eba\u5728\u96e8\u6765\u4e4b\u524d\u628a\u725b\u7fa4\u8d76\u8fc7\u53e4\u8001\u7684\u9053\u8def\u3002",
    "\u725b\u98fc\u3044\u306f\u96e8\u304c\u964d\u308b\u524d\u306b\u53e4\u3044\u9053\u3067\u725b\u306e\u7fa4\u308c\u3092\u8ffd\u3046\u3002",
    "\ubaa9\ub3d9\uc740 \ube44\uac00 \uc624\uae30 \uc804\uc5d0 \uc18c \ub5bc\ub97c \ubaa8\ub294\ub2e4.",
    "\u092c\u093e\u0930\u093f\u0936 \u0938\u0947 \u092a\u0939\u0932\u0947 \u091a\u0930\u0935\u093e\u0939\u093e \u091d\u0941\u0902\u0921 \u0915\u094b \u0932\u0947 \u091c\u093e\u0924\u093e \u0939\u0948\u0964",
    "\u064a\u0633\u0648\u0642 \u0627\u0644\u0631\u0627\u0639\u064a \u0627\u0644\u0642\u0637\u064a\u0639 \u0642\u0628\u0644 \u0627\u0644\u0645\u0637\u0631.",
    "for (int row = 0; row < rows; ++row) { total += weights[row] * values[row]; }",
    "def total(values):\n    return sum(value for value in values if value > 10)\n",
]
RULES = {"\uff21": "A", "\ufb01": "fi", "\u2026": "...", "\u00df": "ss", "\u3000": " ", "\u00a0": " ", "\u200b": "", "\u0133": "ij", "\u0130": "i"}


def training_corpus():
    return SENTENCES * 3


def golden_texts(count, seed):
    """Fixed cases, then mixtures of words, blanks, emoji, marks and random characters."""
    chance = random.Random(seed)
    words = [word for sentence in SENTENCES for word in sentence.split(" ")]
    texts = ["", " ", "  ", "a", " a", "a ", "  a  b  ", "\n", "\t", "a\nb\r\nc", *SENTENCES, *tokenizer_strings.EMOJI[:6], *tokenizer_strings.DIGITS[:6],
             *tokenizer_strings.SPECIAL[:26], *tokenizer_strings.CODE[:4], "I'm we'LL don't", "e\u0301\u0316 \u00e9", "a\u0000b", "\ufb01x \uff21\u2026 \u00df", "x" * 120]
    while len(texts) < count:
        texts.append("".join(tokenizer_strings.random_part(chance, words) for _ in range(chance.randint(1, 7))))
    return texts


def special_texts(texts, special, count=40):
    chance = random.Random(3)
    short = [text for text in texts if len(text) < 60]
    return [chance.choice(short) + chance.choice(special) + chance.choice(["", " ", "x"]) + chance.choice(short) for _ in range(count)] + list(special)


def write(folder, name, definition, cases, special_cases=()):
    path = folder / f"{name}.golden.json"
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"made_by": "scripts/golden/make_text_golden.py", **definition, "cases": cases, "special_cases": list(special_cases)}, out,
                  ensure_ascii=True, separators=(",", ":"))
        out.write("\n")
    print(f"{path.name}: {len(cases)} + {len(special_cases)} cases, {path.stat().st_size} bytes")


def write_hugging_face(folder, name, tokenizer, texts):
    tokenizer.encode_special_tokens = True
    cases = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
    tokenizer.encode_special_tokens = False
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    special_cases = [{"text": text, "ids": tokenizer.encode(text).ids} for text in special_texts(texts, special)]
    write(folder, name, {"tokenizer_json": json.loads(tokenizer.to_str())}, cases, special_cases)


def write_sentencepiece(folder, name, proto_bytes, texts):
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto_bytes)
    cases = []
    for text in texts:
        ids = processor.encode(text)
        cases.append({"text": text, "ids": ids, "decoded": None if processor.unk_id() in ids else processor.decode(ids)})
    write(folder, name, {"model_base64": base64.b64encode(proto_bytes).decode()}, cases)


def train_sentencepiece(**options):
    import sentencepiece
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(s.replace("\n", " ") for s in training_corpus()), model_writer=written,
                                             model_type="bpe", minloglevel=2, hard_vocab_limit=False, **options)
    return written.getvalue()


def with_unused(proto_bytes):
    """The same model with every fifth longer piece marked as unused."""
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto.FromString(proto_bytes)
    for i, piece in enumerate(model.pieces):
        if piece.type == 1 and len(piece.piece) > 1 and i % 5 == 0:
            piece.type = sentencepiece_model_pb2.ModelProto.SentencePiece.UNUSED
    return model.SerializeToString()


def custom_rules():
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False) as rules:
        for source, target in RULES.items():
            rules.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    return rules.name


def bert(lowercase):
    from tokenizers import Tokenizer, models, trainers
    learner = reference.bert_tokenizer({t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}, lowercase=lowercase)
    learner.train_from_iterator(training_corpus(), trainers.WordPieceTrainer(vocab_size=900, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    return reference.bert_tokenizer(learner.get_vocab(), lowercase=lowercase)


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "src" / "text" / "testdata"
    folder.mkdir(parents=True, exist_ok=True)
    llama = train_sentencepiece(vocab_size=800, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.98)
    write_hugging_face(folder, "llama2_style", reference.llama_style_from_proto(llama, True), golden_texts(230, 1))
    write_hugging_face(folder, "mistral_style", reference.llama_style_from_proto(llama, False), golden_texts(230, 2))
    write_sentencepiece(folder, "sentencepiece_bytes", llama, golden_texts(230, 3))
    ruled = train_sentencepiece(vocab_size=500, character_coverage=0.98, user_defined_symbols=["<sep>", "\u2581\u2581", "abc"], normalization_rule_tsv=custom_rules())
    write_sentencepiece(folder, "sentencepiece_rules", ruled, golden_texts(230, 4))
    write_sentencepiece(folder, "sentencepiece_unused", with_unused(llama), golden_texts(150, 5))
    write_hugging_face(folder, "bert_uncased_style", bert(True), golden_texts(230, 6))
    write_hugging_face(folder, "bert_cased_style", bert(False), golden_texts(150, 7))
    write_hugging_face(folder, "roberta_style", reference.roberta_tokenizer([s for s in training_corpus()], 700), golden_texts(230, 8))


if __name__ == "__main__":
    main()
