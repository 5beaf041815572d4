"""img2dataset on Spark, with files as they are: nothing is decoded or encoded."""

import _spark
from img2dataset import download


def main():
    options, spark = _spark.session(__doc__)
    _spark.timed(lambda: download(
        url_list=str(options.listing), output_folder=str(options.out), output_format="files",
        processes_count=2, thread_count=options.connections, number_sample_per_shard=1000,
        resize_mode="no", disable_all_reencoding=True, distributor="pyspark", enable_wandb=False,
    ))
    spark.stop()


if __name__ == "__main__":
    main()
