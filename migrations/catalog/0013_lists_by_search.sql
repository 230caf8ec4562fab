-- Lists go through the search index, which has orders of its own.
drop index product_by_price;
drop index product_by_age;
drop index product_by_name;
