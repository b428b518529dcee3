# The demo on a CPU: docker build -t sphinx-live . && docker run -p 7860:7860 sphinx-live
# Every option is an environment variable: docker run -e SPHINX_MODEL=sphinx-tiny ...
FROM python:3.12-slim

WORKDIR /srv
COPY requirements.txt ./
# PyTorch's index of CPU builds spares 6 GB of CUDA packages that the other index would bring.
RUN grep "^torch" requirements.txt > torch.txt \
    && pip install --no-cache-dir -r torch.txt --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -r requirements.txt

COPY app.py ./
COPY app app/
COPY pipelines pipelines/
COPY model model/
COPY assets assets/

RUN useradd --create-home --uid 1000 visitor && install -d -o visitor /cache
USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    SPHINX_PORT=7860 \
    HF_HOME=/cache/huggingface \
    TORCH_HOME=/cache/torch \
    OMP_WAIT_POLICY=passive \
    PYTHONUNBUFFERED=1
VOLUME /cache
EXPOSE 7860
CMD ["python", "app.py"]
