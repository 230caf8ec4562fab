#!/usr/bin/env python3
"""Cuts the demo catalogue from a folder with catalog.jsonl and variants.jsonl.

Usage: cut.py SOURCE_FOLDER > catalog.jsonl

The same source gives the same bytes: what is chosen and what is in stock depends on a hash of the
SKU. NOTICE.md says where the products come from, under which licence, and what is changed here.
"""

import collections
import hashlib
import html
import json
import pathlib
import re
import sys

SKU_MAX = 32
PER_CATEGORY = 44
PER_BRAND_AND_CATEGORY = 8
ATTRIBUTES_MAX = 12
ATTRIBUTE_LENGTH_MAX = 120
LEFT_OUT = {
    ("Electronics", "Other"),
    ("Services", "Warranties & Support"),
    ("Accessories", "Gift cards"),
}
# How a carton or a pallet is packed tells a shopper nothing.
LOGISTICS = re.compile(
    r"package|pallet|master|quantity per (pallet|master)|release date|model$|harmonized|sustainability"
)


def main():
    source = pathlib.Path(sys.argv[1])
    products = read(source / "catalog.jsonl")
    variants = collections.defaultdict(list)
    for variant in read(source / "variants.jsonl"):
        variants[variant["parent_sku"]].append(variant)

    chosen = [p for p in products if p["source"] == "saleor" and well_formed(p, described=5)]
    chosen += choose(p for p in products if p["source"] == "icecat" and well_formed(p, described=25))
    for product in sorted(chosen, key=lambda p: (p["categories"], p["name"], p["sku"])):
        of_it = variants[product["sku"]]
        row = entry(product, stock=0 if of_it else stock(product["sku"]))
        write(row)
        for variant in of_it:
            write(variant_entry(row, variant))


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(row):
    print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def draw(sku):
    """A number that the SKU alone decides."""
    return int.from_bytes(hashlib.sha256(sku.encode()).digest()[:8], "big")


def well_formed(product, described):
    name, description = clean(product["name"]), clean(product["description"])
    return (
        product["price"] > 0
        and product["currency"] == "USD"
        and tuple(product["categories"]) not in LEFT_OUT
        and 5 <= len(name) <= 120
        and len(description) >= described
        and bool(product["brand"])
        and not re.search(r"[<>{}\x00-\x1f\ufffd]|https?:|www\.", name + description)
    )


def choose(products):
    """The same share for every category, and in it no brand that crowds out the others."""
    of_category, of_brand, names, chosen = collections.Counter(), collections.Counter(), set(), []
    for product in sorted(products, key=lambda p: draw(p["sku"])):
        category = tuple(product["categories"])
        brand = (category, product["brand"])
        name = clean(product["name"]).lower()
        if len(attributes(product)) < 3 or name in names:
            continue
        if of_category[category] >= PER_CATEGORY or of_brand[brand] >= PER_BRAND_AND_CATEGORY:
            continue
        of_category[category] += 1
        of_brand[brand] += 1
        names.add(name)
        chosen.append(product)
    return chosen


def entry(product, stock):
    return {
        "sku": product["sku"][:SKU_MAX].strip("-"),
        "name": clean(product["name"]),
        "description": clean(product["description"]),
        "price": amount(product["price"]),
        "currency": "USD",
        "categories": product["categories"],
        "attributes": attributes(product),
        "brand": product["brand"],
        "images": [],
        "stock": stock,
    }


def variant_entry(parent, variant):
    option = "size" if parent["categories"][0] == "Apparel" else "format"
    value = variant["options"]["variant"]
    sku = "SAL-" + variant["sku"]
    return parent | {
        "sku": sku,
        "name": f"{parent['name']}, {value}",
        "price": amount(variant["price"]),
        "parent_sku": parent["sku"],
        "options": {option: value},
        "stock": stock(sku),
    }


def amount(price):
    return f"{price:.2f}"


def stock(sku):
    """Mostly dozens; one in twenty-five is sold out, one in ten nearly so."""
    number = draw("stock " + sku)
    share, size = number % 100, number // 100
    if share < 4:
        return 0
    return 1 + size % 5 if share < 14 else 10 + size % 241


def attributes(product):
    kept = {}
    for name, value in product["attributes"].items():
        if name == "has_variants" or LOGISTICS.match(name):
            continue
        key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        value = scalar(value)
        if key and value is not None and len(kept) < ATTRIBUTES_MAX:
            kept[key] = value
    return kept


def scalar(value):
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        value = clean(value)
        fits = 0 < len(value) <= ATTRIBUTE_LENGTH_MAX
        return value if fits and "http" not in value else None
    return value


def clean(text):
    text = html.unescape(text).replace("\\n", ", ")
    return re.sub(r"\s+", " ", text).strip(" ,")


if __name__ == "__main__":
    main()
