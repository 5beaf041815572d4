"""haulage.spark: a DataFrame of URLs becomes files, and a Parquet file of results."""

import _spark
import haulage.spark


def main():
    options, spark = _spark.session(__doc__)
    urls = spark.read.text(str(options.listing)).withColumnRenamed("value", "url")
    files = haulage.spark.download(urls, dest=options.out, layout="flat", per_host=options.connections)
    _spark.timed(lambda: files.write.parquet(str(options.listing.with_name("results"))))
    spark.stop()


if __name__ == "__main__":
    main()
